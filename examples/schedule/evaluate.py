"""Plays the order of work in order.txt and prints when the last part is done.

The shop is "ft06" of Fisher and Thompson (1963): six jobs visit six machines,
each job in an order of its own. order.txt names 36 times the job whose next
operation is planned; it starts as soon as its job and its machine are free.
The schedule that comes out is verified by rules of its own before it counts.
"""

import sys

# Of each job: (machine, minutes), in the order of its operations.
JOBS = [
    [(2, 1), (0, 3), (1, 6), (3, 7), (5, 3), (4, 6)],
    [(1, 8), (2, 5), (4, 10), (5, 10), (0, 10), (3, 4)],
    [(2, 5), (3, 4), (5, 8), (0, 9), (1, 1), (4, 7)],
    [(1, 5), (0, 5), (2, 5), (3, 3), (4, 8), (5, 9)],
    [(2, 9), (1, 3), (4, 5), (5, 4), (0, 3), (3, 1)],
    [(1, 3), (3, 3), (5, 9), (0, 10), (4, 4), (2, 1)],
]


def read():
    with open("order.txt") as lines:
        order = [int(line) - 1 for line in lines if line.strip()]
    for job, route in enumerate(JOBS):
        if order.count(job) != len(route):
            sys.exit(f"job {job + 1} stands {order.count(job)} times in order.txt, not {len(route)}")
    if len(order) != sum(map(len, JOBS)):
        sys.exit("order.txt names a job that there is not")
    return order


def play(order):
    """(job, operation, machine, start, end) of each operation."""
    next_operation = [0] * len(JOBS)
    job_free = [0] * len(JOBS)
    machine_free = {}
    schedule = []
    for job in order:
        operation = next_operation[job]
        machine, minutes = JOBS[job][operation]
        start = max(job_free[job], machine_free.get(machine, 0))
        schedule.append((job, operation, machine, start, start + minutes))
        next_operation[job] += 1
        job_free[job] = machine_free[machine] = start + minutes
    return schedule


def verify(schedule):
    """Every operation once and as long as it takes, none before the one before
    it in its job, no machine at two things at once."""
    at = {(job, operation): (machine, start, end) for job, operation, machine, start, end in schedule}
    assert len(at) == len(schedule) == sum(map(len, JOBS))
    for job, route in enumerate(JOBS):
        ready = 0
        for operation, (machine, minutes) in enumerate(route):
            where, start, end = at[job, operation]
            assert where == machine and end - start == minutes and start >= ready
            ready = end
    for machine in {machine for machine, _, _ in at.values()}:
        busy = sorted((start, end) for where, start, end in at.values() if where == machine)
        assert all(one[1] <= next[0] for one, next in zip(busy, busy[1:]))


def main():
    schedule = play(read())
    verify(schedule)
    print("makespan:", max(end for *_, end in schedule))
    print("idle:", sum(max(e for *_, e in schedule) for _ in range(6)) - sum(m for r in JOBS for _, m in r))


main()
