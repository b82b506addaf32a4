"""A fleet of pumps that wear out, as its sensors see it. Nobody may change this.

A pump lives 60 to 200 days. Wear grows slowly at first, then fast: vibration
follows its cube, the temperature of the bearing its square. The hall is warmer
on some days than on others, a vibration sensor is sometimes hit by a passing
truck, and both sensors are noisy.
"""

import math
import random

TRAINING = range(0, 60)
VALIDATION = range(60, 120)
HOLDOUT = range(120, 240)


def pump(number):
    """Its days, each (vibration in mm/s, bearing in deg C, hall in deg C). The
    day after the last one it fails."""
    rng = random.Random(f"pump {number}")
    life = round(rng.triangular(60, 200, 120))
    phase = rng.uniform(0, 2 * math.pi)
    mount = rng.gauss(0, 0.15)
    days = []
    for day in range(life):
        wear = (day + 1) / life
        hall = 20 + 6 * math.sin(phase + day / 9) + rng.gauss(0, 1)
        truck = rng.uniform(1, 4) if rng.random() < 0.04 else 0
        vibration = 1.5 + mount + 2.5 * wear**3 + truck + rng.gauss(0, 0.25)
        bearing = hall + 25 + 9 * wear**2 + rng.gauss(0, 1.2)
        days.append((vibration, bearing, hall))
    return days
