"""What a day of a pump costs under policy.py.

    python3 -B evaluate.py              on the pumps of the validation
    python3 -B evaluate.py --holdout    on pumps that no search is shown
    python3 -B evaluate.py --foresight  the bound: each serviced on its last day

A service costs 1, a failure 10. The policy learns from other pumps than those it
is measured on, and gets their days one by one: it never sees the future.
"""

import sys

import fleet
import policy

SERVICE = 1.0
FAILURE = 10.0


def last_day(model, days):
    """The number of days it ran, and whether it was serviced in time."""
    for today in range(1, len(days) + 1):
        if policy.service_now(model, days[:today]):
            return today, True
    return len(days), False


def main():
    test = fleet.HOLDOUT if "--holdout" in sys.argv[1:] else fleet.VALIDATION
    pumps = [fleet.pump(n) for n in test]
    if "--foresight" in sys.argv[1:]:
        ends = [(len(days), True) for days in pumps]
    else:
        model = policy.fit([fleet.pump(n) for n in fleet.TRAINING])
        ends = [last_day(model, days) for days in pumps]
    serviced = sum(in_time for _, in_time in ends)
    ran = sum(days for days, _ in ends)
    cost = SERVICE * serviced + FAILURE * (len(ends) - serviced)
    print("cost_per_1000_days:", 1000 * cost / ran)
    print("caught:", serviced / len(ends))
    print("life_used:", ran / sum(map(len, pumps)))


main()
