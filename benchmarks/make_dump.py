"""Write a month of jobs as `sacct` would print them, in the forms that Paydown and its peers read.

    python benchmarks/make_dump.py FOLDER [--jobs 100000]

`FOLDER/dump.txt` is `sacct -a -D -P` as docs/connectors/sacct.md asks for it. `reportseff.txt` and `shield.txt` hold
the same jobs as reportseff and job_defense_shield ask sacct for them (the latter with -X: jobs alone), with jobstats'
summary of each job in AdminComment, without which neither knows of GPUs. Seeded, so always the same.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

DUMP = """JobID Cluster Partition QOS Account User Submit Eligible Start End Elapsed State ExitCode NNodes NCPUS ReqMem
ReqTRES AllocTRES Timelimit NodeList NTasks TotalCPU MaxRSS TRESUsageInTot TRESUsageInAve JobName""".split()  # noqa: SIM905 -- as it is typed
"""The dump of the connector's page."""

REPORTSEFF = """AdminComment AllocCPUS Elapsed JobID JobIDRaw MaxRSS NNodes NTasks ReqMem State Timelimit
TotalCPU""".split()  # noqa: SIM905
"""What reportseff 2.10.3 asks for in its default format."""

SHIELD = """jobid jobidraw user cluster account partition cputimeraw elapsedraw timelimitraw nnodes ncpus alloctres
submit eligible start end qos state admincomment jobname""".split()  # noqa: SIM905
"""What job_defense_shield 1.3.4 asks for; it sets SLURM_TIME_FORMAT=%s, so instants are epoch seconds."""

FIRST = datetime(2024, 3, 1, tzinfo=UTC)
DAYS = 30
_STATES = ("COMPLETED", "FAILED", "CANCELLED by 1001", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL")
_SHARES = (72, 12, 9, 4, 2, 1)
_EXITS = {"COMPLETED": "0:0", "FAILED": "1:0", "OUT_OF_MEMORY": "0:125", "NODE_FAIL": "1:0"}
_PROGRAMS = ("train", "eval", "preprocess", "sweep", "fold", "dock", "assemble", "notebook")

Row = dict[str, str]


class Month:
    """Jobs in order of submission."""

    def __init__(self, jobs: int) -> None:
        self.random = random.Random(1)  # noqa: S311 -- made-up data
        self.jobs = jobs
        self.number = 4_000_000

    def rows(self) -> Iterator[Row]:
        """Yield the rows of each job: its attempts, each followed by its steps."""
        made = 0
        while made < self.jobs:
            rng = self.random
            submit = FIRST + timedelta(seconds=DAYS * 86_400 * made / self.jobs)
            tasks = min(rng.randint(5, 200) if rng.random() < 0.01 else 1, self.jobs - made)  # noqa: PLR2004 -- arrays
            self.number += tasks
            who = rng.randrange(400)
            asked = self._asked(who)
            for task in range(tasks):
                name = str(self.number) if tasks == 1 else f"{self.number}_{task}"
                yield from self._job(asked | {"JobID": name, "JobIDRaw": str(self.number + task)}, submit)
            made += tasks

    def _asked(self, who: int) -> Row:
        rng = self.random
        gpus = rng.choices((0, 1, 2, 4, 8), (55, 28, 7, 6, 4))[0]
        nodes = rng.choice((2, 4, 8)) if gpus == 8 and rng.random() < 0.3 else 1  # noqa: PLR2004 -- whole nodes
        cpus = max(1, gpus) * rng.choice((1, 2, 4, 8))
        memory = cpus * rng.choice((2, 4, 8))
        hours = rng.choice((1, 4, 12, 24, 72))
        tres = f"billing={cpus * nodes},cpu={cpus * nodes},mem={memory * nodes}G,node={nodes}"
        held = f",gres/gpu:a100={gpus * nodes},gres/gpu={gpus * nodes}" if gpus else ""
        first = rng.randrange(1, 118)
        prefix = "g" if gpus else "c"
        return {
            "Cluster": "made", "Partition": "gpu" if gpus else "cpu", "QOS": rng.choice(("normal", "normal", "high")),
            "User": f"u{who:03}", "Account": f"lab{who % 30:02}", "NNodes": str(nodes), "NCPUS": str(cpus * nodes),
            "AllocCPUS": str(cpus * nodes), "ReqMem": f"{memory * nodes}G", "AllocTRES": tres + held,
            "ReqTRES": f"{tres},gres/gpu={gpus * nodes}" if gpus else tres,
            "Timelimit": f"{hours // 24}-{hours % 24:02}:00:00" if hours >= 24 else f"{hours:02}:00:00",  # noqa: PLR2004 -- a day
            "NodeList": f"{prefix}{first:03}" if nodes == 1 else f"{prefix}[{first:03}-{first + nodes - 1:03}]",
            "JobName": f"{rng.choice(_PROGRAMS)}-{rng.randrange(50)}", "_limit": str(hours * 3_600),
            "_gpus": str(gpus * nodes), "_memory": str(memory * nodes),
        }  # fmt: skip

    def _job(self, asked: Row, submit: datetime) -> Iterator[Row]:
        """Give the attempts of a job; one in a hundred is requeued once."""
        rng = self.random
        start = submit + timedelta(seconds=int(rng.expovariate(1 / 900)))
        if rng.random() < 0.01:  # noqa: PLR2004 -- requeued
            end = start + timedelta(seconds=rng.randrange(30, 3_000))
            yield from self._attempt(asked, (submit, start, end), "REQUEUED")
            submit, start = end, end + timedelta(seconds=130)
        state = rng.choices(_STATES, _SHARES)[0]
        if state.startswith("CANCELLED") and rng.random() < 0.3:  # noqa: PLR2004 -- never started
            yield self._row(asked, (submit, start, start), state) | {
                "Start": "None", "NodeList": "None assigned", "AllocTRES": "", "Elapsed": "00:00:00",
                "TotalCPU": "00:00:00",
            }  # fmt: skip
            return
        limit = int(asked["_limit"])
        seconds = limit if state == "TIMEOUT" else min(limit, 5 + int(rng.lognormvariate(6.2, 1.9)))
        yield from self._attempt(asked, (submit, start, start + timedelta(seconds=seconds)), state)

    def _attempt(self, asked: Row, when: tuple[datetime, datetime, datetime], state: str) -> Iterator[Row]:
        rng = self.random
        job = self._row(asked, when, state)
        seconds = int((when[2] - when[1]).total_seconds())
        busy = seconds * int(asked["NCPUS"]) * rng.betavariate(2, 1)
        job["TotalCPU"] = _duration(busy)
        util = rng.betavariate(2, 2) if rng.random() < 0.8 else 0.0  # noqa: PLR2004 -- some never touch their GPUs
        job["AdminComment"] = _summary(job, busy, util)
        yield job
        steps = [("batch", 0.1), ("extern", 0.0)] if rng.random() < 0.5 else [("batch", 1.0), ("extern", 0.0)]  # noqa: PLR2004
        steps += [("0", 0.9)] if steps[0][1] < 1 else []
        for name, share in steps:
            yield self._step(job, asked, name, (busy * share, share, util))

    def _step(self, job: Row, asked: Row, name: str, use: tuple[float, float, float]) -> Row:
        busy, share, util = use
        memory = int(share * int(asked["_memory"]) * 2**20 * self.random.random()) + 900
        gpus = int(asked["_gpus"])
        total = f"cpu={_duration(busy)},energy=0,fs/disk={memory * 7},mem={memory}K,pages=0,vmem={memory}K"
        if gpus:
            total += f",gres/gpumem={int(share * util * gpus * 40_000)}M,gres/gpuutil={int(share * util * gpus * 100)}"
        state = job["State"].split(" ")[0]
        kept = {
            key: job[key] for key in ("Cluster", "Account", "Submit", "Eligible", "Start", "End", "Elapsed", "NodeList")
        }
        return kept | {
            "JobID": f"{job['JobID']}.{name}", "JobIDRaw": f"{job['JobIDRaw']}.{name}", "State": state,
            "ExitCode": job["ExitCode"], "NNodes": job["NNodes"], "NCPUS": job["NCPUS"], "AllocCPUS": job["NCPUS"],
            "AllocTRES": asked["AllocTRES"].partition(",")[2], "NTasks": job["NNodes"], "TotalCPU": _duration(busy),
            "MaxRSS": f"{memory}K", "TRESUsageInTot": total, "TRESUsageInAve": total, "JobName": name,
        }  # fmt: skip

    def _row(self, asked: Row, when: tuple[datetime, datetime, datetime], state: str) -> Row:
        submit, start, end = when
        seconds = int((end - start).total_seconds())
        return asked | {
            "Submit": _local(submit), "Eligible": _local(submit), "Start": _local(start), "End": _local(end),
            "Elapsed": _duration(seconds).partition(".")[0], "State": state,
            "ExitCode": _EXITS.get(state, "0:0"), "_seconds": str(seconds),
            "_epochs": ";".join(str(int(each.timestamp())) for each in (submit, submit, start, end)),
        }  # fmt: skip


def _summary(job: Row, busy: float, util: float) -> str:
    """Give jobstats' summary of a job, as it stores it in AdminComment (jobs of less than a minute have none)."""
    seconds, count, gpus = int(job["_seconds"]), int(job["NNodes"]), int(job["_gpus"])
    if seconds < 60:  # noqa: PLR2004 -- jobstats: two samples
        return "JS1:Short"
    memory = int(job["_memory"]) * 2**30 // count
    node: dict[str, object] = {
        "total_memory": memory, "used_memory": int(memory * util), "total_time": round(busy / count, 1),
        "cpus": int(job["NCPUS"]) // count,
    }  # fmt: skip
    if gpus:
        devices = range(gpus // count)
        node |= {
            "gpu_total_memory": {str(gpu): 85_899_345_920 for gpu in devices},
            "gpu_used_memory": {str(gpu): int(85_899_345_920 * util) for gpu in devices},
            "gpu_utilization": {str(gpu): round(100 * util, 1) for gpu in devices},
        }
    first = int(job["NodeList"].strip("gc[").split("-", maxsplit=1)[0].rstrip("]"))
    nodes = {f"{job['Partition'][0]}{first + at:03}": node for at in range(count)}
    text = json.dumps({"nodes": nodes, "total_time": seconds, "gpus": gpus})
    return "JS1:" + base64.b64encode(gzip.compress(text.encode(), 6, mtime=0)).decode()


def _local(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S")


def _duration(seconds: float) -> str:
    """Write a duration as Slurm does; below an hour with milliseconds, as TotalCPU has them."""
    whole = int(seconds)
    days, rest = divmod(whole, 86_400)
    clock = f"{rest // 3_600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    if days:
        return f"{days}-{clock}"
    return clock if whole >= 3_600 or seconds == whole else f"{clock[3:]}.{int(seconds % 1 * 1_000):03}"  # noqa: PLR2004 -- an hour


def _shield(row: Row) -> Row:
    """Give a job's row in the fields and epoch seconds that job_defense_shield asks for."""
    minutes, seconds = int(row["_limit"]) // 60, int(row["_seconds"])
    times = dict(zip(("submit", "eligible", "start", "end"), row["_epochs"].split(";"), strict=True))
    return {name.lower(): value for name, value in row.items()} | times | {
        "cputimeraw": str(seconds * int(row["NCPUS"])), "elapsedraw": str(seconds), "timelimitraw": str(minutes),
        **({"start": "Unknown"} if row["Start"] == "None" else {}),
    }  # fmt: skip


def make(folder: Path, jobs: int) -> tuple[int, int]:
    """Write the three files; give how many rows there are, and how many of them are steps."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = steps = 0
    with (
        (folder / "dump.txt").open("w") as dump,
        (folder / "reportseff.txt").open("w") as efficiency,
        (folder / "shield.txt").open("w") as shield,
    ):
        dump.write("|".join(DUMP) + "\n")
        for row in Month(jobs).rows():
            rows += 1
            dump.write("|".join(row.get(name, "") for name in DUMP) + "\n")
            efficiency.write("".join(row.get(name, "") + "^|^" for name in REPORTSEFF) + "\n")
            if "_epochs" in row:
                shield.write("|".join(_shield(row).get(name, "") for name in SHIELD) + "\n")
            else:
                steps += 1
    return rows, steps


def main() -> None:
    """Write the files and say what they hold."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--jobs", type=int, default=100_000)
    chosen = options.parse_args()
    rows, steps = make(chosen.folder, chosen.jobs)
    print(f"{rows:,} rows, of which {steps:,} are steps")


if __name__ == "__main__":
    main()
