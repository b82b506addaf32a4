"""Runs the scenarios and writes what is to be judged to out.json.

A good set: 30 % easy, 40 % medium, 30 % hard; at least two at every place that
is known to be weak; 20 % held out (evaluation.holdout); three to five reference
examples with a score that people agree on (judge.anchors), so that a judge that
drifts is found out.
"""

import json

SCENARIOS = [  # TODO: yours
    {"id": "easy-1", "bucket": "easy", "input": "..."},
    {"id": "medium-1", "bucket": "medium", "input": "..."},
    {"id": "hard-1", "bucket": "hard", "input": "..."},
]


def answer(question):
    raise NotImplementedError  # TODO: call the project


items = [{"id": s["id"], "bucket": s["bucket"], "text": answer(s["input"])} for s in SCENARIOS]
with open("out.json", "w") as out:
    json.dump(items, out)
print(f"answered: {len(items)}")
