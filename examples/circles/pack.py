"""Packs 26 circles into the unit square: one line `x y r` each."""

import math
import random

ROWS = [5, 4, 5, 4, 5, 3]
ROUNDS = 40
REACH = 0.05    # how far a circle tries to move at first
YIELD = 0.0     # share of its radius that it gives up before, at first
COOLING = 0.95  # of both, round by round
SEED = 1


def room(circles, i, x, y):
    """The largest radius at (x, y) for circle i, if the others stay."""
    r = min(x, y, 1 - x, 1 - y)
    for j, (u, v, s) in enumerate(circles):
        if j != i:
            r = min(r, math.hypot(x - u, y - v) - s)
    return r


def start():
    circles = []
    for row, count in enumerate(ROWS):
        y = (row + 0.5) / len(ROWS)
        for k in range(count):
            circles.append(((k + 0.5) / count, y, 0.0))
    return circles


def grow(circles, reach, rng):
    """Moves each circle a little, where that lets it grow."""
    for i, (x, y, _) in enumerate(circles):
        u = x + rng.gauss(0, reach)
        v = y + rng.gauss(0, reach)
        here, there = room(circles, i, x, y), room(circles, i, u, v)
        circles[i] = (u, v, there) if there > here else (x, y, here)


def main():
    rng = random.Random(SEED)
    circles = start()
    heat = 1.0
    for _ in range(ROUNDS):
        circles = [(x, y, r * (1 - YIELD * heat)) for x, y, r in circles]
        grow(circles, REACH * heat, rng)
        heat *= COOLING
    for x, y, r in circles:
        print(x, y, max(0, r - 1e-12))


main()
