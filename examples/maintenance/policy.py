"""When is a pump serviced? Learns from pumps that ran until they failed."""

WINDOW = 1     # days that are looked at together
MARGIN = 10    # days before a failure at which the service should come
BEARING = 0.0  # weight of the bearing's temperature beside the vibration


def signal(days):
    """One number that grows with wear, from the days so far."""
    recent = days[-WINDOW:]
    return sum(vibration + BEARING * bearing for vibration, bearing, hall in recent) / len(recent)


def fit(pumps):
    """The limit: what a pump's signal is on average MARGIN days before it fails."""
    signals = [signal(days[: len(days) - MARGIN]) for days in pumps]
    return sum(signals) / len(signals)


def service_now(limit, days):
    return len(days) >= 7 and signal(days) > limit
