"""Trains by train.py's recipe and measures the detector on other pictures.

    python3 -B evaluate.py              on the pictures of the validation
    python3 -B evaluate.py --holdout    on pictures that no search is shown

map50_95    mean of the average precisions at IoU 0.50, 0.55, ... 0.95, each the
            area under precision over recall with its envelope (COCO's metric
            with all points instead of 101)
f1          at IoU 0.5, of all boxes that are reported
rmse        of the four edges of the boxes that were found, in pixels
latency_ms  processor time of one picture, the fastest of three rounds
"""

import sys
import time

import scenes
import train


def iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    both = w * h
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def match(found, truth, least):
    """(confidence, the true box or None) of each box found, the surest first; a
    true box is found once."""
    matches = []
    free = {(n, box) for n, boxes in enumerate(truth) for box in boxes}
    surest_first = sorted(((box, n) for n, boxes in enumerate(found) for box in boxes), key=lambda b: -b[0][4])
    for box, n in surest_first:
        best = max((t for t in free if t[0] == n), key=lambda t: iou(box, t[1]), default=None)
        if best and iou(box, best[1]) >= least:
            free.remove(best)
            matches.append((box, best[1]))
        else:
            matches.append((box, None))
    return matches


def average_precision(found, truth, least):
    total = sum(map(len, truth))
    points, right = [], 0
    for rank, (_, true) in enumerate(match(found, truth, least), 1):
        right += true is not None
        points.append((right / total, right / rank))
    area, envelope, before = 0.0, 0.0, None
    for recall, precision in reversed(points):
        if before is not None:
            area += (before - recall) * envelope
        envelope, before = max(envelope, precision), recall
    return area + (before or 0) * envelope


def main():
    test = scenes.HOLDOUT if "--holdout" in sys.argv[1:] else scenes.VALIDATION
    pictures, truth = zip(*map(scenes.scene, test))
    weights = train.train([scenes.scene(n) for n in scenes.TRAINING])
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        found = [train.detect(weights, picture) for picture in pictures]
        seconds.append(time.process_time() - begin)
    matches = match(found, truth, 0.5)
    hits = [(box, true) for box, true in matches if true]
    errors = [(box[i] - true[i]) ** 2 for box, true in hits for i in range(4)]
    print("map50_95:", sum(average_precision(found, truth, least / 100) for least in range(50, 100, 5)) / 10)
    print("f1:", 2 * len(hits) / (len(matches) + sum(map(len, truth))))
    print("rmse:", (sum(errors) / len(errors)) ** 0.5 if errors else scenes.SIZE)
    print("latency_ms:", 1000 * min(seconds) / len(pictures))


main()
