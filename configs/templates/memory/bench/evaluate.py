"""Runs a program and prints its peak memory and its time. Fill in the TODO.

ru_maxrss of RUSAGE_CHILDREN is the peak of the largest child in KiB, as the
kernel counted it; allocators keep what they were given, so small changes may
not show. The program is a process of its own, so that this script's own
memory does not count.
"""

import resource
import subprocess
import time

COMMAND = ["./program", "input"]  # TODO: what to run

begin = time.perf_counter()
subprocess.run(COMMAND, check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - begin
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"peak_mb: {peak:.2f}")
print(f"seconds: {seconds:.4f}")
