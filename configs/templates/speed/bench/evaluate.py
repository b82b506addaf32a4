"""Times one function and prints `seconds`. Fill in the three TODOs.

Rules of a good timing:
- One process, one number: coppice starts this several times and compares
  fresh samples of two trees in turns; the noise between processes is its job.
- 10 warm-ups fill caches and let a JIT settle; 100 timed calls give a median.
- Work on data made before the clock starts. If reading is what is timed, read
  another file each time, or drop the page cache (`echo 3 >
  /proc/sys/vm/drop_caches` needs root); otherwise the second read is memory.
- On a GPU a call returns before its work is done. Time with events:
      start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
      start.record(); work(); end.record(); torch.cuda.synchronize()
      seconds = start.elapsed_time(end) / 1000
- Call a named function. Never exec a piece of text.
"""

import importlib.util
import os
import statistics
import sys
import time

WARM_UPS = 10
TIMED = 100
# How far results may differ from the base's: 1e-9 for FP64, 1e-5 for FP32,
# 1e-2 for FP16; 0 for integers and text.
TOLERANCE = 0

SOURCE = {{first_mutable}}  # TODO: the module that has the function


def load(root):
    path = os.path.join(root, SOURCE)
    spec = importlib.util.spec_from_file_location("candidate", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main  # TODO: the function


def inputs():
    seed = int(os.environ.get("COPPICE_SEED", "0"))
    return (seed,)  # TODO: what it is called with; the same for the same seed


def close(a, b):
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b))
    if isinstance(a, float):
        return abs(a - b) <= TOLERANCE * max(1.0, abs(a), abs(b))
    return a == b


def main():
    work = load(".")
    arguments = inputs()
    base = os.environ.get("COPPICE_BASE")
    if base and not close(load(base)(*arguments), work(*arguments)):
        sys.exit("the result differs from the base's")
    for _ in range(WARM_UPS):
        work(*arguments)
    times = []
    for _ in range(TIMED):
        begin = time.perf_counter()
        work(*arguments)
        times.append(time.perf_counter() - begin)
    print(f"seconds: {statistics.median(times)}")
    print(f"seconds_p90: {statistics.quantiles(times, n=10)[-1]}")


main()
