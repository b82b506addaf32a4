"""Says how many of the four modules are the right ones, never which.

The right ones stand here as digests only: a proposer that reads this file
learns nothing but the rule.
"""

import hashlib
import re
import sys

RIGHT = {
    "loader": "762465b826b522bf",
    "preprocess": "df5d596cc31bc249",
    "algorithm": "6064a2ca899e9596",
    "formatter": "33d1bcc0e93d746a",
}


def digest(module, option):
    return hashlib.sha256(f"k_module {module} {option}".encode()).hexdigest()[:16]


def main():
    with open("pipeline.conf") as conf:
        chosen = dict(re.findall(r"^(\w+) *= *(\w+)", conf.read(), re.M))
    if set(chosen) != set(RIGHT):
        sys.exit(f"pipeline.conf names {sorted(chosen)}, not {sorted(RIGHT)}")
    print("correct:", sum(digest(m, chosen[m]) == RIGHT[m] for m in RIGHT))


main()
