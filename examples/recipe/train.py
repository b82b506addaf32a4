"""The recipe: how a detector is trained, and how it finds boxes."""

import math
import random

EPOCHS = 1
RATE = 0.1      # of learning
DECAY = 0.0     # of the weights
BLUR = 0        # pixels around one that are averaged
AROUND = 4      # pixels around one that are its background
LIMIT = 0.5     # of the probability that a pixel belongs to a box
SMALLEST = 1    # pixels of a box
SEED = 1


def sums(picture):
    """Sums of all above and left, so that a mean takes four look-ups."""
    total = [[0.0] * (len(picture[0]) + 1)]
    for row in picture:
        line, above = [0.0], total[-1]
        run = 0.0
        for x, value in enumerate(row):
            run += value
            line.append(above[x + 1] + run)
        total.append(line)
    return total


def mean(total, x, y, reach):
    left, top = max(0, x - reach), max(0, y - reach)
    right, bottom = min(len(total[0]) - 1, x + reach + 1), min(len(total) - 1, y + reach + 1)
    area = (right - left) * (bottom - top)
    return (total[bottom][right] - total[top][right] - total[bottom][left] + total[top][left]) / area


def features(picture):
    """Of each pixel: its brightness, and how much brighter than around."""
    total = sums(picture)
    for y in range(len(picture)):
        for x in range(len(picture[0])):
            here = mean(total, x, y, BLUR)
            yield x, y, (1.0, here, here - mean(total, x, y, AROUND))


def probability(weights, values):
    z = sum(w * v for w, v in zip(weights, values))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))


def train(scenes):
    """Logistic regression of "this pixel belongs to a box", by gradient steps."""
    rng = random.Random(SEED)
    samples = []
    for picture, boxes in scenes:
        for x, y, values in features(picture):
            inside = any(a <= x < c and b <= y < d for a, b, c, d in boxes)
            samples.append((values, inside))
    weights = [0.0, 0.0, 0.0]
    for _ in range(EPOCHS):
        rng.shuffle(samples)
        for values, inside in samples:
            error = inside - probability(weights, values)
            weights = [w * (1 - DECAY) + RATE * error * v for w, v in zip(weights, values)]
    return weights


def detect(weights, picture):
    """Boxes with a confidence: what hangs together above the limit."""
    found = {(x, y): probability(weights, values) for x, y, values in features(picture)}
    bright = {pixel for pixel, p in found.items() if p > LIMIT}
    boxes = []
    while bright:
        patch, edge = [], [bright.pop()]
        while edge:
            x, y = edge.pop()
            patch.append((x, y))
            for near in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)):
                if near in bright:
                    bright.remove(near)
                    edge.append(near)
        if len(patch) >= SMALLEST:
            xs, ys = [x for x, _ in patch], [y for _, y in patch]
            confidence = sum(found[pixel] for pixel in patch) / len(patch)
            boxes.append((min(xs), min(ys), max(xs) + 1, max(ys) + 1, confidence))
    return boxes
