#include "ring.h"

static int next(int slot) { return (slot + 1) % RING_CAPACITY; }

void ring_clear(Ring* ring) { *ring = (Ring){0}; }

bool ring_push(Ring* ring, int value) {
  if (ring->count == RING_CAPACITY) return false;
  ring->items[ring->tail] = value;
  ring->tail = next(ring->tail);
  ring->count += 1;
  return true;
}

bool ring_pop(Ring* ring, int* value) {
  if (ring->count == 0) return false;
  *value = ring->items[ring->head];
  ring->head = next(ring->head);
  ring->tail = next(ring->tail);
  ring->count -= 1;
  return true;
}

int ring_at(const Ring* ring, int index) {
  return ring->items[(ring->head + index) % RING_CAPACITY];
}
