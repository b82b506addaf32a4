"""The driver: blows, one after the other, and what must hold after each.

--short  one blow of each kind, some kills; under a minute (a test)
--long   200 kills and ten of each other blow
--night  2,000 nodes with hostile candidates, faults and 20 kills (night.py)
"""
import argparse
import collections
import pathlib
import random
import signal
import sys
import time
import traceback

import blows
import night
from server import Server
from world import Broken, World, must


def plan(long, draw):
    """Kinds in random order, kills between them."""
    kinds = list(blows.ALL)
    if not long:
        order = kinds + [blows.kill] * 6
        draw.shuffle(order)
        return order
    order = [kind for kind in kinds[1:] for _ in range(10)]
    order += [blows.kill] * 200
    draw.shuffle(order)
    return order


def torture(world, order, draw, say):
    counts = collections.Counter()
    process = blows.go(world)  # before there is a run nothing is promised
    end = time.monotonic() + 60
    while world.last_seq() < 8 and time.monotonic() < end:
        must(process.poll() is None, f"it does not begin: {world.said()}")
        time.sleep(0.05)
    world.kill(process)
    process.wait()
    world.check_all()
    for number, blow in enumerate(order, 1):
        counts[blow.__name__] += 1
        try:
            torn = blow(world, draw) == "torn"
            world.check_all(torn)
        except Exception as error:
            raise Broken(f"blow {number}, {blow.__name__}: {error}") from error
        say(f"{number:4} {blow.__name__:20} {len(world.prefix):6} records")
    return counts


def finish(world):
    """Undisturbed to its end, and then everything once more."""
    done = world.run("--output", "plain", "resume", timeout=1800)
    for _ in range(5):
        # A blow may have left it for the user to look at; and where everything
        # takes long, the baseline itself may run out of its 0.3 s.
        if done.returncode != 5:
            break
        time.sleep(5)
        done = world.run("--output", "plain", "resume", timeout=1800)
    must(done.returncode in (0, 3),
         f"the end: exit {done.returncode}: {done.stdout[-1500:]}{done.stderr}")
    verified = world.check_all()
    must(not verified["notes"] or "reserved" in verified["notes"][0],
         str(verified["notes"]))
    must(verified["commits"] == verified["nodes"] - 1,
         "commits are not in git")
    world.check_quiet()
    world.check_slots()
    world.check_replay()
    world.check_user()
    return done.returncode, verified


def report(world, counts, verified, server, seconds):
    print(f"\n{sum(counts.values())} blows in {seconds:.0f} s:")
    for name, count in sorted(counts.items()):
        print(f"  {name:22} {count:4}")
    rows = world.prefix
    resumes = sum(1 for row in rows if row[2] == "resumed")
    print(f"records {verified['records']}, attempts {verified['attempts']}, "
          f"nodes {verified['nodes']}, calls {verified['calls']}, "
          f"samples {verified['samples']}, resumes on record {resumes}, "
          f"requests to the model server {server.asked}")
    print("after each blow: records only added, the checker green, the user's "
          "files, index, HEAD and branches as they were")
    print("at the end: every commit in git, no process, no stale slot, no "
          "mount, and the undisturbed replay is the same tree")


def main():
    # What a shell starts in the background ignores the interrupt, and so would
    # all that is started here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.
                                     RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=".")
    parser.add_argument("--build", help="default: build/dev")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--night", action="store_true")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", help="one kind of blow, again and again")
    parser.add_argument("--nodes", type=int)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else 1
    build = options.build or pathlib.Path(options.root) / "build" / "dev"
    draw = random.Random(seed)
    server = Server(seed)
    nodes = options.nodes or (2000 if options.night
                              else 1500 if options.long else 150)
    world = World(build, server.url, seed, nodes)
    began = time.monotonic()
    print(f"seed {seed}, {nodes} nodes, in {world.temp}", flush=True)
    try:
        if options.night:
            night.night(world, draw, server)
        else:
            order = plan(options.long, draw)
            if options.only:
                order = [getattr(blows, options.only)] * len(order)
            counts = torture(world, order, draw,
                             lambda line: print(line, flush=True))
            _, verified = finish(world)
            report(world, counts, verified, server, time.monotonic() - began)
    except Exception as error:
        if not isinstance(error, Broken):
            traceback.print_exc()
        world.end_all()
        print(f"BROKEN: {error}\nkept: {world.temp} (seed {seed})",
              file=sys.stderr)
        for pid, command in world.leftovers():
            print(f"  still there: {pid} {command}", file=sys.stderr)
        return 1
    finally:
        server.stop()
    world.remove()
    print("nothing broke")
    return 0


if __name__ == "__main__":
    sys.exit(main())
