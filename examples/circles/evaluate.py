"""Runs pack.py and adds up the radii, if the circles are really packed.

Numbers are taken as they are printed, as fractions: that a circle is inside and
that two do not overlap is decided exactly, with no tolerance.
"""

import itertools
import resource
import subprocess
import sys
from fractions import Fraction

CIRCLES = 26
SECONDS = 2  # of processor time, so that a busy machine changes nothing


def limit():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def packed():
    run = subprocess.run([sys.executable, "pack.py"], stdout=subprocess.PIPE, text=True, preexec_fn=limit)
    if run.returncode != 0:
        sys.exit(f"pack.py ended with {run.returncode}; it has {SECONDS} s of processor time")
    return [tuple(map(Fraction, line.split())) for line in run.stdout.splitlines()]


def outside(circles):
    return sum(r < 0 or x < r or y < r or x > 1 - r or y > 1 - r for x, y, r in circles)


def overlaps(circles):
    pairs = itertools.combinations(circles, 2)
    return sum((x - u) ** 2 + (y - v) ** 2 < (r + s) ** 2 for (x, y, r), (u, v, s) in pairs)


def main():
    circles = packed()
    if len(circles) != CIRCLES:
        sys.exit(f"{len(circles)} circles, not {CIRCLES}")
    print("outside:", outside(circles))
    print("overlaps:", overlaps(circles))
    print("sum_radii:", float(sum(r for _, _, r in circles)))


main()
