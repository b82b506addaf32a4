"""Small grey pictures with bright rectangles to find. Nobody may change this."""

import random

SIZE = 24
TRAINING = range(0, 12)
VALIDATION = range(12, 42)
HOLDOUT = range(42, 102)


def scene(number):
    """The picture, rows of grey values, and its boxes (left, top, right, bottom),
    right and bottom exclusive."""
    rng = random.Random(f"scene {number}")
    slope = rng.uniform(-0.012, 0.012)
    picture = [[0.3 + slope * (x - SIZE / 2) + rng.gauss(0, 0.12) for x in range(SIZE)] for _ in range(SIZE)]
    boxes = []
    for _ in range(rng.randint(1, 4)):
        w, h = rng.randint(4, 9), rng.randint(4, 9)
        x, y = rng.randint(1, SIZE - w - 1), rng.randint(1, SIZE - h - 1)
        box = (x, y, x + w, y + h)
        # Two boxes have at least a pixel between them.
        if all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in boxes):
            boxes.append(box)
            light = rng.uniform(0.2, 0.45)
            for v in range(y, y + h):
                for u in range(x, x + w):
                    picture[v][u] += light
    return picture, boxes
