"""The soak: a long search with hostile candidates, a provider that fails, and
20 kills, from start to a verified export, with what it uses."""
import time

from world import must

KILLS = 20


def night(world, draw, server):
    target = 2000
    kill_at = sorted(draw.sample(range(60, target - 20), KILLS))
    table = []
    kills = 0
    process = world.start("run")
    sampled = 0
    began = time.monotonic()
    while True:
        time.sleep(0.4)
        if process.poll() is not None:
            break
        done = world.finished()
        if done >= sampled + 100 or (done >= 200 and sampled < 200):
            sampled = done - done % 100
            row = (done, time.monotonic() - began,
                   world.resident_mb(process.pid),
                   world.descriptors(process.pid), world.disk_mb(), kills)
            table.append(row)
            print("%6d nodes %7.0f s %7.1f MB resident %4d descriptors "
                  "%7.1f MB on disk %3d kills" % row, flush=True)
        if kill_at and done >= kill_at[0]:
            kill_at.pop(0)
            kills += 1
            world.kill(process)
            process.wait()
            world.check_all()
            server.down = draw.random() < 0.3  # the night has outages
            process = world.start("resume")
            if server.down:
                time.sleep(3)
                server.down = False
    code = process.returncode
    must(code == 0, f"the end: exit {code}: {world.said()}")
    verified = world.check_all()
    must(verified["attempts"] >= target, "not all nodes were made")
    world.check_quiet()
    world.check_slots()
    exported = world.run("export", timeout=600)
    must(exported.returncode == 0, f"export: {exported.stderr}")
    summarise(table, kills, verified)


def summarise(table, kills, verified):
    early = next(row for row in table if row[0] >= 200)
    late = table[-1]
    print(f"\nkills {kills}, records {verified['records']}, "
          f"nodes {verified['nodes']}, calls {verified['calls']}")
    print(f"resident memory {early[2]:.1f} MB after {early[0]} nodes, "
          f"{late[2]:.1f} MB after {late[0]} ({late[2] / early[2]:.2f} times)")
    print(f"descriptors {early[3]} and {late[3]}; "
          f"disk {early[4]:.1f} MB and {late[4]:.1f} MB")
