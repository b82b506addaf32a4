# One day in the paint shop, minute by minute, all in whole numbers: the same
# plan costs the same on every machine. Reads plan.conf, prints the cost.

/^[a-z]+ *=/ { plan[$1] = $3 }

# Park and Miller's generator: below 2^31, exact in double precision.
function random(n) {
  seed = (seed * 16807) % 2147483647
  return seed % n
}

# The queue that is served next: the one whose first part waits longest, or
# the longest one. Only queues that fill a batch or have lost patience count.
function next_colour(now,    c, best, value, best_value) {
  best = -1
  best_value = -1
  for (c = 0; c < colours; ++c) {
    if (queued[c] == 0) continue
    if (queued[c] < plan["batch"] && \
        now - arrived[c, first[c]] < plan["patience"]) continue
    value = plan["order"] == "longest" ? queued[c] : now - arrived[c, first[c]]
    if (value > best_value) {
      best_value = value
      best = c
    }
  }
  return best
}

function arrive(now,    c) {
  if (now >= open_minutes || random(100) >= 45) return
  c = random(colours + 2) % colours  # two colours are twice as common
  arrived[c, first[c] + queued[c]] = now
  ++queued[c]
  ++waiting
}

# Paints one batch on a free line, if there is something to paint yet. Its
# parts leave together when the last one is dry.
function start(line, now,    c, parts, same, minutes) {
  c = next_colour(now)
  if (c < 0) return
  parts = queued[c] < plan["batch"] ? queued[c] : plan["batch"]
  same = c == last[line]
  minutes = 3 * parts + (same ? 4 : 12)
  queued[c] -= parts
  waiting -= parts
  while (parts-- > 0) wait_cost += now + minutes - arrived[c, first[c]++]
  paint_cost += same ? 20 : 60
  free_at[line] = now + minutes
  last[line] = c
}

END {
  seed = 20240229
  colours = 4
  open_minutes = 480
  for (line = 0; line < plan["lines"]; ++line) last[line] = -1
  for (now = 0; now < open_minutes || waiting > 0; ++now) {
    arrive(now)
    for (line = 0; line < plan["lines"]; ++line)
      if (free_at[line] <= now) start(line, now)
    staff_cost += 8 * plan["lines"]
  }
  print "cost: " wait_cost + paint_cost + staff_cost
  print "waiting: " wait_cost
  print "painting: " paint_cost
  print "staff: " staff_cost
}
