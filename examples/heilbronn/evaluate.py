"""Runs place.py and prints the smallest triangle among its eleven points.

The corners of the big triangle are (0, 0), (SIDE, 0) and (0, SIDE), all
coordinates whole numbers: inside or outside, and every area, is decided without
rounding. An area is told as a share of the big triangle's; no affine map changes
that, so it compares with what is known of the equilateral triangle.
"""

import itertools
import resource
import subprocess
import sys

POINTS = 11
SIDE = 10**6
SECONDS = 2  # of processor time, so that a busy machine changes nothing


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def placed():
    run = subprocess.run([sys.executable, "place.py"], stdout=subprocess.PIPE, text=True, preexec_fn=limit)
    if run.returncode != 0:
        sys.exit(f"place.py ended with {run.returncode}; it has {SECONDS} s of processor time")
    return [tuple(map(int, line.split())) for line in run.stdout.splitlines()]


def doubled_area(a, b, c):
    return abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def main():
    points = placed()
    if len(points) != POINTS:
        sys.exit(f"{len(points)} points, not {POINTS}")
    print("outside:", sum(x < 0 or y < 0 or x + y > SIDE for x, y in points))
    print("min_area:", min(doubled_area(*t) for t in itertools.combinations(points, 3)) / SIDE**2)


main()
