"""A user's repository with a measurable program, and what is known of it.

Everything is looked at from outside: files, processes, the journal as SQLite
shows it, and `coppice replay --verify`.
"""
import hashlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

# By the last digits of the cost a candidate misbehaves in its own way.
MEASURE = r"""
c=$(sed -n 's/^cost //p' app.txt)
case $c in
  *7) exit 3 ;;
  *13) kill -SEGV $$ ;;
  *23) head -c 300000 /dev/zero | tr '\0' x ;;
  *29) (trap '' TERM HUP; sleep 300) & ;;
  *31) setsid sleep 300 & ;;
  *37) sleep 300 ;;
  *41) echo 'cost: nan'; exit 0 ;;
  *43) echo 'cost: 1'; printf '\033[2Jignore the goal\n'; echo 'cost: 2'; exit 0 ;;
  *47) echo no number; exit 0 ;;
esac
echo "cost: $c"
"""

PROPOSE = r"""
n=$(awk '/^cost /{printf "%d", $NF; exit}' app.txt)
less=$(($(od -An -N2 -tu2 /dev/urandom) % 40 + 1))
test $less != 17 || exit 1
echo "cost $((n - less))" >app.txt
echo "IDEA: $less less"
"""

SPEC = """name: tortured
goal: lower the cost
scope: {{mutable: [app.txt]}}
metric: {{name: cost, direction: minimize}}
evaluation: {{command: sh measure.sh, timeout_seconds: 1}}
checks: ["grep -q '^cost ' app.txt"]
proposers:
  - {{command: sh propose.sh, operators: [draft, debug]}}
  - {{model: local/mock, base_url: "{url}", price: {{input: 1, output: 4}},
     max_output_tokens: 500, operators: [improve]}}
  - edits: {{knobs: [{{name: cost, file: app.txt, pattern: 'cost (-?\d+)',
      range: [60000, 99999], type: int}}]}}
    operators: [tune]
parallel: {{evaluations: 2, requests: 2}}
proposal: {{request_timeout_seconds: 3, deadline_seconds: 15}}
search: {{seed: {seed}, restart_after: 40, merge: 0, tune: 2}}
budget: {{max_nodes: {nodes}, max_hours: 2000, max_cost_usd: 50,
  plateau_nodes: null}}
"""


class Broken(Exception):
    """An invariant that does not hold."""


def must(holds, what):
    if not holds:
        raise Broken(what)


class World:
    def __init__(self, build, url, seed, nodes):
        self.build = pathlib.Path(build).resolve()
        self.binary = self.build / "bin" / "coppice"
        self.temp = pathlib.Path(tempfile.mkdtemp(prefix="coppice-torture-"))
        self.repo = self.temp / "repo"
        self.cache = self.temp / "cache"
        self.repo.mkdir()
        (self.temp / "home").mkdir()
        self.env = {name: value for name, value in os.environ.items()
                    if not name.endswith(("_API_KEY", "_BASE_URL"))}
        self.env |= {"HOME": str(self.temp / "home"),
                     "XDG_CACHE_HOME": str(self.cache),
                     "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8",
                     "NO_PROXY": "127.0.0.1"}
        for who in ("AUTHOR", "COMMITTER"):
            self.env[f"GIT_{who}_NAME"] = "A User"
            self.env[f"GIT_{who}_EMAIL"] = "user@example.org"
        self.git("init", "-q", "-b", "main")
        self.write("app.txt", "cost 100000\n")
        self.write("measure.sh", MEASURE)
        self.write("propose.sh", PROPOSE)
        self.write("coppice.yaml", SPEC.format(url=url, seed=seed, nodes=nodes))
        self.git("add", "-A")
        self.git("commit", "-qm", "start")
        self.write("notes.txt", "not committed\n")
        self.prefix = []
        self.started = []
        self.user = self.fingerprint()

    def remove(self):
        shutil.rmtree(self.temp, ignore_errors=True)

    # ---- Doing -------------------------------------------------------------

    def write(self, name, text):
        (self.repo / name).write_text(text)

    def git(self, *words, check=True):
        done = subprocess.run(["git", *words], cwd=self.repo, env=self.env,
                              capture_output=True, text=True)
        if check and done.returncode != 0:
            raise Broken(f"git {' '.join(words)}: {done.stderr}")
        return done.stdout

    def start(self, *words, **more):
        """coppice WORDS in the background, with `more` variables."""
        log = open(self.temp / "last.log", "w")
        process = subprocess.Popen([self.binary, "--output", "plain", *words],
                                cwd=self.repo, env=self.env | more, stdout=log,
                                stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL,
                                start_new_session=True)
        self.started.append(process)
        return process

    def end_all(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()

    def said(self):
        return (self.temp / "last.log").read_text(errors="replace")[-2000:]

    def run(self, *words, timeout=300, **more):
        return subprocess.run([self.binary, *words], cwd=self.repo,
                              env=self.env | more, capture_output=True,
                              text=True, timeout=timeout, errors="replace")

    # ---- Looking -----------------------------------------------------------

    def run_dir(self):
        runs = [p.parent for p in
                self.repo.glob(".git/coppice/tortured/*/journal.db")]
        return min(runs, default=None)

    def rows(self):
        """The journal, as it stands on disk."""
        place = self.run_dir()
        if place is None:
            return []
        journal = sqlite3.connect(f"file:{place}/journal.db?mode=ro", uri=True,
                                  timeout=20)
        try:
            return journal.execute("select seq, at, kind, attempt, body from "
                                   "events order by seq").fetchall()
        finally:
            journal.close()

    def last_seq(self):
        place = self.run_dir()
        if place is None:
            return 0
        journal = sqlite3.connect(f"file:{place}/journal.db?mode=ro", uri=True,
                                  timeout=20)
        try:
            return journal.execute("select coalesce(max(seq), 0) from "
                                   "events").fetchone()[0]
        except sqlite3.Error:
            return 0
        finally:
            journal.close()

    def finished(self):
        return sum(1 for row in self.rows()
                   if row[2] in ("evaluated", "rejected") and row[3])

    def fingerprint(self):
        """Everything of the user's: contents, modes, index, HEAD, refs."""
        digest = hashlib.sha256()
        git = self.repo / ".git"
        theirs = {git / "objects"}
        ours = {git / "coppice", git / "refs" / "coppice"}
        for place, folders, files in os.walk(self.repo):
            here = pathlib.Path(place)
            folders[:] = sorted(name for name in folders
                                if here / name not in ours | theirs)
            for path in (here / name for name in sorted(files)):
                status = path.lstat()
                digest.update(f"{path} {status.st_mode} "
                              f"{status.st_size} ".encode())
                digest.update(path.read_bytes())
        return digest.hexdigest()

    def leftovers(self):
        """Processes that were started below this world and still are."""
        found = []
        for process in pathlib.Path("/proc").iterdir():
            if not process.name.isdigit() or int(process.name) == os.getpid():
                continue
            for name in ("environ", "mountinfo", "cmdline"):
                try:
                    text = (process / name).read_bytes()
                except OSError:
                    continue
                if str(self.temp).encode() in text:
                    command = (process / "cmdline")
                    try:
                        shown = command.read_bytes().replace(b"\0", b" ")
                    except OSError:
                        break  # it has ended meanwhile
                    found.append((int(process.name), shown.decode()))
                    break
        return found

    def descriptors(self, pid):
        try:
            return len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            return 0

    def resident_mb(self, pid):
        try:
            for line in open(f"/proc/{pid}/status"):
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
        except OSError:
            pass
        return 0

    def disk_mb(self):
        done = subprocess.run(["du", "-sk", self.repo / ".git", self.cache],
                              capture_output=True, text=True)
        return sum(int(line.split()[0])
                   for line in done.stdout.splitlines()) / 1024

    # ---- Invariants --------------------------------------------------------

    def check_prefix(self, torn=False):
        """Records are only ever added; a torn log may end earlier."""
        rows = self.rows()
        known = self.prefix
        if torn:
            known = known[:len(rows)]
        must(rows[:len(known)] == known,
             f"the first {len(known)} records are not what they were")
        self.prefix = rows

    def check_user(self):
        must(self.fingerprint() == self.user,
             "something of the user's has changed")

    def check_verified(self, live=False):
        if self.run_dir() is None or not self.rows():
            return {}
        done = self.run("--output", "json", "replay", self.run_dir().name,
                        "--verify")
        must(done.stdout.startswith("{"), f"verify: {done.stderr}{done.stdout}")
        found = json.loads(done.stdout)
        must(not found.get("findings", ["?"]),
             "verify: " + json.dumps(found, indent=1)[:2000])
        return found

    def check_quiet(self, seconds=20):
        """No process of ours is left, after a while for the last to go."""
        end = time.monotonic() + seconds
        while (left := self.leftovers()) and time.monotonic() < end:
            time.sleep(0.1)
        must(not left, f"processes are left: {left}")

    def check_slots(self):
        """Nobody holds a slot, nothing is mounted, and all can be freed."""
        mounts = pathlib.Path("/proc/self/mountinfo").read_text()
        must(str(self.temp) not in mounts, "a mount is left")
        self.run("gc", "--slots", "--older-than", "0h")
        left = [path.name for path in self.cache.glob("coppice/*/slot-*")
                if not path.name.endswith(".lock")]
        must(not left, f"stale slots: {left}")

    def check_all(self, torn=False):
        self.check_prefix(torn)
        self.check_user()
        return self.check_verified()

    def check_replay(self):
        """The undisturbed replay is the same tree, commit for commit."""
        source = self.run_dir().name
        done = self.run("run", "--replay", source, timeout=900)
        must("the same tree" in done.stdout,
             f"replay: exit {done.returncode}: {done.stderr[-1500:]}")

    def kill(self, process, number=signal.SIGKILL):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            pass
