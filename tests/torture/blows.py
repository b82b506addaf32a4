"""What a night may bring, one function a blow.

Each is given the world and a random generator. It starts or resumes the run
itself where it needs it under way, and leaves it dead or ended. It returns
"torn" if it took bytes from the journal's log: then the last records may be
gone, and no others.
"""
import contextlib
import errno
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

from world import Broken, must


def go(world, **more):
    """Starts the run, or resumes it."""
    begun = world.run_dir() is not None and world.rows()
    return world.start(*(["resume"] if begun else ["run"]), **more)


def wait(process, world, seconds=120):
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        world.kill(process)
        process.wait()
        raise Broken(f"it did not end within {seconds} s: {world.said()}")


def for_a_while(process, draw, longest=0.8):
    """Lets it run; True if it has ended by itself."""
    end = time.monotonic() + draw.uniform(0.02, longest)
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    return process.poll() is not None


def at_work(world, process, draw):
    """Lets it get some records further, or sometimes only as far as it comes
    at once; True if it has ended by itself."""
    if draw.random() < 0.25:
        return for_a_while(process, draw)
    enough = world.last_seq() + draw.randint(1, 30)
    end = time.monotonic() + 8
    while (process.poll() is None and time.monotonic() < end
           and world.last_seq() < enough):
        time.sleep(0.02)
    return for_a_while(process, draw, 0.08)


def killed(world, draw, **more):
    process = go(world, **more)
    at_work(world, process, draw)
    world.kill(process)
    process.wait()


# ---- Blows -----------------------------------------------------------------


def kill(world, draw):
    killed(world, draw)


def suspend(world, draw):
    """A laptop's lid: stopped and continued, then killed or told to end."""
    process = go(world)
    if at_work(world, process, draw):
        return
    world.kill(process, signal.SIGSTOP)
    time.sleep(draw.uniform(0.05, 1.5))
    if draw.random() < 0.3:
        world.kill(process)  # while it is suspended
        process.wait()
        return
    world.kill(process, signal.SIGCONT)
    for_a_while(process, draw)
    world.kill(process, draw.choice((signal.SIGTERM, signal.SIGKILL)))
    wait(process, world)


def interrupt(world, draw):
    process = go(world)
    if at_work(world, process, draw):
        return
    for _ in range(draw.choice((1, 2, 2, 3))):
        world.kill(process, signal.SIGINT)
        time.sleep(draw.uniform(0, 0.1))
    code = wait(process, world)
    must(code in (0, 3, 130, -2), f"interrupted: exit {code}: {world.said()}")


def stop(world, draw):
    process = go(world)
    if at_work(world, process, draw) or not world.rows():
        world.kill(process)
        process.wait()
        return
    world.run("stop", "--now")
    wait(process, world)


def full_disk(world, draw):
    failing_disk(world, draw, errno.ENOSPC)


def bad_disk(world, draw):
    failing_disk(world, draw, errno.EIO)


def failing_disk(world, draw, number):
    """Writes, syncs, renames fail now and then; it may end, not lie."""
    places = draw.sample(("journal.db", "store.git", "/cache/", "/nodes/",
                          "cache.db", "lease", "coppice/"),
                         draw.randint(1, 3))
    faults = ",".join(f"{place}:{number}:{draw.choice((3, 20, 100, 400))}"
                      for place in places)
    process = go(world, LD_PRELOAD=str(world.build / "lib/libfault_shim.so"),
                 COPPICE_FAULTS=faults,
                 COPPICE_FAULT_SEED=str(draw.getrandbits(32)))
    at_work(world, process, draw)
    if process.poll() is None:
        world.kill(process, draw.choice((signal.SIGKILL, signal.SIGTERM)))
    code = wait(process, world)
    must(code in (0, 1, 2, 3, 5, 143, -9, -15),
         f"faults {faults}: exit {code}: {world.said()}")


def torn_log(world, draw):
    """A power cut in the middle of a page: the log ends in rubbish."""
    killed(world, draw)
    place = world.run_dir()
    log = place / "journal.db-wal" if place else None
    if log is None or not log.exists() or log.stat().st_size < 5000:
        return None
    size = log.stat().st_size
    how = draw.choice(("cut", "flip", "add"))
    with open(log, "r+b") as file:
        if how == "cut":
            file.truncate(size - draw.randint(1, min(size // 2, 9000)))
        elif how == "flip":
            file.seek(size - draw.randint(1, 4000))
            file.write(bytes([draw.randrange(256)]))
        else:
            file.seek(size)
            file.write(draw.randbytes(draw.randint(1, 5000)))
    (place / "journal.db-shm").unlink(missing_ok=True)
    return "torn"


def bad_page(world, draw):
    """A page of the journal itself goes bad: refused, and left as it is."""
    killed(world, draw)
    place = world.run_dir()
    if place is None or not world.rows():
        return
    journal = place / "journal.db"
    try:
        with contextlib.closing(sqlite3.connect(journal, timeout=20)) as whole:
            whole.execute("pragma wal_checkpoint(truncate)")
    except sqlite3.Error:
        return  # the log was torn before: a resume decides
    good = journal.read_bytes()
    if len(good) < 3 * 4096:
        return
    page = draw.randrange(1, len(good) // 4096)
    bad = bytearray(good)
    bad[page * 4096:(page + 1) * 4096] = draw.randbytes(4096)
    journal.write_bytes(bad)
    process = world.start("resume")
    for_a_while(process, draw, 1.0)
    world.kill(process)
    process.wait()
    for name in ("journal.db-wal", "journal.db-shm"):
        (place / name).unlink(missing_ok=True)
    must(len(journal.read_bytes()) >= len(good) or process.returncode == 0,
         "a damaged journal was cut")
    journal.write_bytes(good)


def no_slots(world, draw):
    killed(world, draw)
    shutil.rmtree(world.cache, ignore_errors=True)


def no_cache(world, draw):
    killed(world, draw)
    for name in ("cache.db", "cache.db-wal", "cache.db-shm"):
        (world.repo / ".git/coppice" / name).unlink(missing_ok=True)


def no_packs(world, draw):
    killed(world, draw)
    packs = list(world.repo.glob(".git/coppice/store.git/objects/pack/*"))
    for pack in packs if draw.random() < 0.5 else packs[:2]:
        pack.unlink()


def slots_while_running(world, draw):
    process = go(world)
    at_work(world, process, draw)
    shutil.rmtree(world.cache, ignore_errors=True)
    for_a_while(process, draw)
    world.kill(process)
    process.wait()


def collect_garbage(world, draw):
    killed(world, draw)
    world.git("reflog", "expire", "--expire=now", "--all")
    world.git("gc", "-q", "--prune=now")
    world.user = world.fingerprint()


def other_branch(world, draw):
    process = go(world)
    at_work(world, process, draw)
    branch = f"work-{draw.getrandbits(30)}"
    world.git("checkout", "-q", "-b", branch)
    world.write("other.txt", branch)
    world.git("add", "other.txt")
    world.git("commit", "-qm", branch)
    world.user = world.fingerprint()
    for_a_while(process, draw)
    world.kill(process)
    process.wait()


def dirty_tree(world, draw):
    process = go(world)
    at_work(world, process, draw)
    world.write("app.txt", f"cost {draw.randint(1, 10**6)} and nonsense\n")
    world.write("measure.sh", "exit 1\n")
    world.git("add", "measure.sh")
    world.user = world.fingerprint()
    for_a_while(process, draw)
    world.kill(process)
    process.wait()


def two_owners(world, draw):
    first = go(world)
    at_work(world, first, draw)
    if not world.rows() or first.poll() is not None:
        world.kill(first)
        first.wait()
        return
    try:
        done = world.run("resume", world.run_dir().name, timeout=60)
    except subprocess.TimeoutExpired:
        # The first had just ended, so that this one was the owner.
        must(first.poll() is not None, "a second owner did not give up")
        return
    if first.poll() is None:
        must(done.returncode == 6 and str(first.pid) in done.stderr,
             f"a second owner: exit {done.returncode}: {done.stderr}")
    world.kill(first)
    first.wait()


def clock_jump(world, draw):
    """The wall clock is set while it runs."""
    killed(world, draw, LD_PRELOAD=str(world.build / "lib/libclock_jump.so"))


def other_date(world, draw):
    """It goes on with a clock that is wrong by days."""
    if shutil.which("faketime") is None:
        return
    shift = f"{draw.choice('+-')}{draw.randint(1, 40)}d"
    process = go(world, LD_PRELOAD="/usr/lib/x86_64-linux-gnu/faketime/"
                 "libfaketimeMT.so.1", FAKETIME=shift,
                 FAKETIME_DONT_FAKE_MONOTONIC="1")
    at_work(world, process, draw)
    world.kill(process)
    process.wait()
    for name in ("faketime_shm", "sem.faketime_sem"):  # what it leaves behind
        pathlib.Path(f"/dev/shm/{name}_{process.pid}").unlink(missing_ok=True)


def talk(world, draw):
    """Words to a live run, and readers beside it."""
    process = go(world)
    at_work(world, process, draw)
    if world.rows():
        for words in (["tell", "be careful"], ["status"], ["top"],
                      ["tell", "--pin", "best"], ["tell", "--pin", "none"],
                      ["tree"]):
            if draw.random() < 0.5:
                done = world.run(*words, timeout=60)
                must(done.returncode in (0, 2),
                     f"{words}: exit {done.returncode}: {done.stderr}")
    world.kill(process)
    process.wait()


ALL = [kill, suspend, interrupt, stop, full_disk, bad_disk, torn_log, bad_page,
       no_slots, no_cache, no_packs, slots_while_running, collect_garbage,
       other_branch, dirty_tree, two_owners, clock_jump, other_date, talk]
