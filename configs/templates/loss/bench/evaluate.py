"""Trains for a fixed time and prints the validation `loss`. Fill in the TODO.

What is fixed here is what the search must not tune: the data, the split, the
seconds of training and the seed. A candidate changes the recipe, not these.
Print `step loss: X` now and then: `evaluation.abort_on` reads it.
"""

import os
import time

SECONDS = 300
SEED = int(os.environ.get("COPPICE_SEED", "0"))


def train(until, seed):
    # TODO: call the project's training; stop at `until` (time.monotonic()),
    # return the validation loss.
    raise NotImplementedError


print(f"loss: {train(time.monotonic() + SECONDS, SEED)}")
