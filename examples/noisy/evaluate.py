"""A smooth function with many minima, measured with noise.

    python3 evaluate.py            one noisy measurement
    python3 evaluate.py --exact    the truth, for you; no search sees it
"""

import math
import random
import re
import sys

NOISE = 0.03  # standard deviation of one measurement


def truth(x, y):
    return math.sin(x) * math.cos(y) + math.sin(x * y) + (x * x + y * y) / 20


def main():
    with open("point.conf") as conf:
        point = dict(re.findall(r"^([xy]) = (\S+)$", conf.read(), re.M))
    x, y = float(point["x"]), float(point["y"])
    if not (-5 <= x <= 5 and -5 <= y <= 5):
        sys.exit(f"({x}, {y}) is outside [-5, 5] x [-5, 5]")
    exact = truth(x, y)
    if "--exact" in sys.argv[1:]:
        print("value:", exact)
    else:
        print("value:", exact + random.SystemRandom().gauss(0, NOISE))


main()
