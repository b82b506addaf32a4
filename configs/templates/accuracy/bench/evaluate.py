"""Prints `accuracy` on one part of the labelled data. Fill in the TODOs.

The data is split once, by a fixed rule that no change of the code can move:
80 % `test`, which the search sees as a number, and 20 % `validation`, which
only confirmed contenders meet. Keep the validation file out of the tracked
files (evaluation.holdout.copy) if a proposer could read it.
"""

import hashlib
import json
import sys


def examples():
    with open("data/labelled.jsonl") as lines:  # TODO: where the data is
        return [json.loads(line) for line in lines]


def part_of(example):
    digest = hashlib.sha256(str(example["input"]).encode()).digest()
    return "validation" if digest[0] < 51 else "test"


def predict(value):
    raise NotImplementedError  # TODO: call the function of the project


def main():
    part = sys.argv[1]
    chosen = [e for e in examples() if part_of(e) == part]
    right = sum(predict(e["input"]) == e["label"] for e in chosen)
    print(json.dumps({"accuracy": right / len(chosen), "n": len(chosen)}))


main()
