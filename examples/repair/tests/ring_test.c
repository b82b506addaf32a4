#include "../src/ring.h"

#include <stdio.h>
#include <string.h>

/* Runs every test and prints how many fail; each works on a ring of its own. */

static Ring new_ring(void) {
  Ring ring;
  memset(&ring, 0x55, sizeof ring);
  ring_clear(&ring);
  return ring;
}

static bool empty_ring_has_nothing(void) {
  Ring ring = new_ring();
  int value = 7;
  return !ring_pop(&ring, &value) && value == 7;
}

static bool one_number_comes_back(void) {
  Ring ring = new_ring();
  int value = 0;
  return ring_push(&ring, 42) && ring_pop(&ring, &value) && value == 42 &&
         !ring_pop(&ring, &value);
}

static bool numbers_come_in_order(void) {
  Ring ring = new_ring();
  int value = 0;
  for (int i = 0; i < 5; ++i)
    if (!ring_push(&ring, 10 + i)) return false;
  for (int i = 0; i < 5; ++i)
    if (!ring_pop(&ring, &value) || value != 10 + i) return false;
  return true;
}

static bool takes_its_capacity(void) {
  Ring ring = new_ring();
  for (int i = 0; i < RING_CAPACITY; ++i)
    if (!ring_push(&ring, i)) return false;
  return true;
}

static bool takes_no_more_than_its_capacity(void) {
  Ring ring = new_ring();
  for (int i = 0; i < RING_CAPACITY; ++i) ring_push(&ring, i);
  return !ring_push(&ring, 99) && ring.count == RING_CAPACITY;
}

static bool full_ring_gives_all_back(void) {
  Ring ring = new_ring();
  int value = 0;
  for (int i = 0; i < RING_CAPACITY; ++i) ring_push(&ring, i);
  for (int i = 0; i < RING_CAPACITY; ++i)
    if (!ring_pop(&ring, &value) || value != i) return false;
  return !ring_pop(&ring, &value);
}

static bool goes_round_many_times(void) {
  Ring ring = new_ring();
  int value = 0;
  for (int i = 0; i < 100; ++i) {
    if (!ring_push(&ring, i) || !ring_push(&ring, -i)) return false;
    if (!ring_pop(&ring, &value) || value != i) return false;
    if (!ring_pop(&ring, &value) || value != -i) return false;
  }
  return true;
}

static bool comes_and_goes_unevenly(void) {
  Ring ring = new_ring();
  int value = 0, pushed = 0, popped = 0;
  for (int round = 1; round < 50; ++round) {
    for (int i = 0; i < round % 5; ++i)
      if (ring_push(&ring, pushed)) ++pushed;
    for (int i = 0; i < round % 4; ++i)
      if (ring_pop(&ring, &value) && value != popped++) return false;
    if (ring.count != pushed - popped) return false;
    for (int i = 0; i < ring.count; ++i)
      if (ring_at(&ring, i) != popped + i) return false;
  }
  return popped > 50;
}

static bool at_counts_from_the_oldest(void) {
  Ring ring = new_ring();
  int value = 0;
  for (int i = 0; i < 6; ++i) ring_push(&ring, i);
  for (int i = 0; i < 4; ++i) ring_pop(&ring, &value);
  for (int i = 6; i < 10; ++i) ring_push(&ring, i);
  for (int i = 0; i < 6; ++i)
    if (ring_at(&ring, i) != 4 + i) return false;
  return true;
}

static bool clear_forgets(void) {
  Ring ring = new_ring();
  int value = 0;
  ring_push(&ring, 1);
  ring_push(&ring, 2);
  ring_clear(&ring);
  return !ring_pop(&ring, &value) && ring_push(&ring, 3) &&
         ring_at(&ring, 0) == 3 && ring_pop(&ring, &value) && value == 3;
}

int main(void) {
  static const struct {
    const char* name;
    bool (*run)(void);
  } tests[] = {
      {"an empty ring has nothing", empty_ring_has_nothing},
      {"one number comes back", one_number_comes_back},
      {"numbers come in order", numbers_come_in_order},
      {"takes its capacity", takes_its_capacity},
      {"takes no more than its capacity", takes_no_more_than_its_capacity},
      {"a full ring gives all back", full_ring_gives_all_back},
      {"goes round many times", goes_round_many_times},
      {"comes and goes unevenly", comes_and_goes_unevenly},
      {"at() counts from the oldest", at_counts_from_the_oldest},
      {"clear() forgets", clear_forgets},
  };
  int failing = 0;
  for (unsigned i = 0; i < sizeof tests / sizeof tests[0]; ++i) {
    const bool passed = tests[i].run();
    printf("%s - %s\n", passed ? "ok  " : "FAIL", tests[i].name);
    failing += !passed;
  }
  printf("failing: %d\n", failing);
  return 0;
}
