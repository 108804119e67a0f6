"""Real Slurm clusters: Debian 12's version, or this machine's, and Debian 13's, with made-up nodes and GPUs."""

import os
import pwd
import re
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import history
from tests.services.running import HERE, ROOT, lock_of, need, running

NEWER = Path(os.environ.get("PAYDOWN_NEWER_SLURM", "/var/tmp/paydown-slurm-24.11"))  # noqa: S108 - where install put it
SETTLE_S = 30


@dataclass
class Slurm:
    """A cluster named `lab` with four nodes of eight GPUs and two without, three users and their accounts."""

    folder: Path
    environment: dict
    """The environment variables of whoever runs Slurm's commands: PATH and SLURM_CONF say which cluster."""
    cgroups: bool
    """Whether jobs are held in cgroups: only then Slurm itself says that one ran out of memory."""
    version: str = ""
    cluster: str = "lab"
    numbers: dict = field(default_factory=dict)

    def run(self, *argv, user=None, check=True):
        """Run a command of Slurm, as root or as a user, and give what it says."""
        prefix = [] if user is None else ["runuser", "-u", user, "--"]
        done = subprocess.run(
            [*prefix, *map(str, argv)], env=self.environment, capture_output=True, text=True, cwd="/", check=False
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(map(str, argv))}: {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout

    def submit(self, user, *options, wrap="sleep 600"):
        """Submit a batch job of shell lines as a user, and give its number."""
        said = self.run("sbatch", "--parsable", "-D", "/", "-o", "/dev/null", *options, "--wrap", wrap, user=user)
        return int(said.partition(";")[0])

    def state(self, job):
        """Give a job's state (of several array tasks: those that there are, joined by commas)."""
        said = self.run("squeue", "-h", "-a", "-t", "all", "-o", "%T", "-j", job, check=False)
        return ",".join(sorted(set(said.split())))

    def accounted(self, job):
        """Give a job's state as accounting has it, which learns of it seconds later."""
        said = self.run("sacct", "-n", "-X", "-P", "-o", "State", "-j", job)
        return ",".join(sorted({line.partition(" ")[0] for line in said.splitlines()}))

    def wait(self, job, *states):
        """Wait until a job is in one of these states."""
        return _wait(job, states, self.state)

    def wait_accounted(self, job, *states):
        """Wait until a job is in one of these states in accounting too."""
        return _wait(job, states, self.accounted)

    @property
    def jobs(self):
        """The numbers by name of a workload with a job in every common state; the first asking submits it."""
        if not self.numbers:
            said = subprocess.run(
                [HERE / "slurm-jobs.sh"], env=self.environment, capture_output=True, text=True, cwd="/", check=False
            )
            if said.returncode:
                raise RuntimeError(f"slurm-jobs.sh: {said.stderr}")
            self.numbers = {name: int(number) for name, number in map(str.split, said.stdout.splitlines())}
        return self.numbers

    def roll_up(self, since):
        """Make Slurm's own usage (sreport) current: it sums on the hour by itself. `since` is a local date."""
        self.run("sacctmgr", "-i", "rollup", since)

    def go_back(self, seconds):
        """Put all that accounting knows of jobs, nodes and reservations into the past: Slurm sums whole hours alone."""
        moved = "".join(
            f"UPDATE lab_{table} SET {column} = {column} - {int(seconds)} WHERE {column} > 0;"
            for table, columns in TIMES.items()
            for column in columns
        )
        self.sql(
            f"{moved} {FORGET_SUMS} UPDATE lab_last_ran_table SET hourly_rollup = {int(time.time()) - 5 * 86_400};"
        )

    def history(self, count, days, seed=7):
        """Let accounting have so many finished jobs of the last days, in place of those before, and give them.

        They are `history.Past`; what really ran stays.
        """
        now = int(time.time())
        past = history.jobs(count, now - days * 86_400, now - 60, seed)
        self.sql(FORGET_SUMS + "".join(history.sql(past, lambda user: pwd.getpwnam(user).pw_uid)))
        first = min(job.submit for job in past) - 86_400
        self.sql(
            f"UPDATE lab_last_ran_table SET hourly_rollup={first}, daily_rollup={first}, monthly_rollup={first};"
            f"UPDATE lab_event_table SET time_start={first} WHERE node_name='' ORDER BY time_start LIMIT 1;"
        )
        return past

    def sql(self, text):
        """Change the accounting database."""
        command = ["mariadb", "--no-defaults", "-uroot", "-S", self.folder / "db/socket", "slurm_acct_db"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-500:])
        return done.stdout

    @contextmanager
    def setting(self, **settings):
        """Change settings of slurm.conf, and of slurmdbd.conf where it has them (PrivateData), for a while."""
        lines = "".join(f"{name}={value}\n" for name, value in settings.items())
        shared = "".join(f"{name}={value}\n" for name, value in settings.items() if name in IN_BOTH)
        paths = {self.folder / "etc/slurm.conf": lines, self.folder / "etc/slurmdbd.conf": shared}
        before = {path: path.read_text() for path in paths}
        try:
            self._rewrite({path: before[path] + more for path, more in paths.items()})
            yield
        finally:
            self._rewrite(before)

    def _rewrite(self, texts):
        for path, text in texts.items():
            path.write_text(text)
        self.run("sacctmgr", "-i", "reconfigure")
        self.run("scontrol", "reconfigure")


def _wait(job, states, ask):
    until = time.monotonic() + SETTLE_S
    while (found := ask(job)) not in states:
        if time.monotonic() > until:
            raise RuntimeError(f"job {job} is {found or 'gone'} after {SETTLE_S} s, not {' or '.join(states)}")
        time.sleep(0.1)
    return found


TIMES = {
    "job_table": ("time_submit", "time_eligible", "time_start", "time_end", "time_suspended"),
    "step_table": ("time_start", "time_end"),
    "suspend_table": ("time_start", "time_end"),
    "event_table": ("time_start", "time_end"),
    "resv_table": ("time_start", "time_end"),
}
"""When things happened, by table of a cluster."""
FORGET_SUMS = "".join(
    f"DELETE FROM lab_{table}_{span}_table;"
    for table in ("usage", "assoc_usage", "wckey_usage")
    for span in ("hour", "day", "month")
)
"""Of what was there before: Slurm sums on the hour by itself, and keeps sums of hours in which nothing is any more."""
IN_BOTH = {"PrivateData"}
"""Settings that slurmdbd has too."""


def _made(place, cgroups, path):
    environment = {**os.environ, "PATH": path, "SLURM_CONF": str(place.folder / "etc/slurm.conf")}
    found = Slurm(place.folder, environment, cgroups)
    found.version = re.search(r"\d+(\.\d+)+", found.run("sinfo", "-V"))[0]
    return found


@contextmanager
def this_machines():
    """Run the Slurm that this machine has; with cgroups where it can and no other run of tests has them."""
    need("slurmctld", "slurmd", "slurmdbd", "squeue", "munged", "mariadbd", root=True)
    ROOT.mkdir(mode=0o755, exist_ok=True)
    lock = lock_of(ROOT / "cgroups.lock") if os.access("/sys/fs/cgroup/freezer", os.W_OK) else None
    cgroups = "" if lock is None else "v1"
    with running("slurm", [] if lock is None else [lock], CGROUPS=cgroups) as place:
        yield _made(place, bool(cgroups), os.environ["PATH"])


@contextmanager
def newer():
    """Run Debian 13's Slurm from the folder that holds it."""
    need("unshare", "chroot", "mariadb", root=True, files=[NEWER / ".ready"])
    with running("newer", PAYDOWN_NEWER_SLURM=str(NEWER)) as place:
        yield _made(place, False, f"{place.folder / 'bin'}:{os.environ['PATH']}")
