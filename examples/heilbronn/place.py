"""Places eleven points in a triangle, by annealing: one line `x y` each."""

import itertools
import math
import random

POINTS = 11
SIDE = 10**6
STEPS = 300
REACH = 0.3     # how far a point moves at first, of the side
HEAT = 0.01     # the loss of area that is accepted at first
COOLING = 0.99  # of both, step by step
SEED = 1


def area(a, b, c):
    """Of a triangle, as a share of the big one's."""
    return abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])) / SIDE**2


def smallest_at(points, i):
    """The smallest triangle with a corner at point i."""
    others = points[:i] + points[i + 1 :]
    return min(area(points[i], b, c) for b, c in itertools.combinations(others, 2))


def inside(x, y):
    return x >= 0 and y >= 0 and x + y <= SIDE


def start(rng):
    points = []
    while len(points) < POINTS:
        x, y = rng.randrange(SIDE), rng.randrange(SIDE)
        if inside(x, y):
            points.append((x, y))
    return points


def anneal(points, rng):
    reach, heat = REACH * SIDE, HEAT
    for _ in range(STEPS):
        i = rng.randrange(POINTS)
        x, y = points[i]
        moved = points[:]
        moved[i] = (x + round(rng.gauss(0, reach)), y + round(rng.gauss(0, reach)))
        if inside(*moved[i]):
            gain = smallest_at(moved, i) - smallest_at(points, i)
            if gain > 0 or rng.random() < math.exp(gain / heat):
                points = moved
        reach, heat = reach * COOLING, heat * COOLING
    return points


def main():
    rng = random.Random(SEED)
    for x, y in anneal(start(rng), rng):
        print(x, y)


main()
