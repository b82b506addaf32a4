#ifndef RING_H_
#define RING_H_

#include <stdbool.h>

#define RING_CAPACITY 8

/* A queue of at most RING_CAPACITY numbers in a ring of slots. */
typedef struct {
  int items[RING_CAPACITY];
  int head; /* slot of the oldest number */
  int tail; /* slot for the next number */
  int count;
} Ring;

void ring_clear(Ring* ring);
/* False if the ring is full. */
bool ring_push(Ring* ring, int value);
/* False if the ring is empty. */
bool ring_pop(Ring* ring, int* value);
/* The number at `index`, 0 being the oldest. */
int ring_at(const Ring* ring, int index);

#endif
