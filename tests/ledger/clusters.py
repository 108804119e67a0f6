"""Random clusters: small, and with as many nasty coincidences as fit, as plain rows of the fact tables.

All activity lies around one UTC midnight, on a coarse grid most of the time, so that starts and ends coincide and days,
hours and buckets are crossed. Every table has unique natural keys, as the store's tables have. The dice are a
`random.Random`: a seeded one for masses of clusters, or one of Hypothesis, which shrinks (`clusters()`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
from hypothesis import strategies as st
from tests.ledger.brute import TABLES

from paydown.ledger.settings import LedgerSettings
from paydown.model.facts import FACTS

if TYPE_CHECKING:
    from random import Random

Row = dict[str, Any]
Facts = dict[str, list[Row]]

MIDNIGHT = 19_800 * 86_400_000
MINUTE = 60_000
CLEAN = ("gpu_samples", "host_samples")
"""The tables whose clean rows say what was carried and not believed (`_rejected`)."""

JOBS = ("1", "2", "10", "9_1", "1+0")
RATIOS = (0.0, 0.0, 0.004, 0.0100004, 0.0100006, 1 / 3, 0.5, 0.77, 1.0)


def mostly(rnd: Random, times: int, value: Any, *others: Any) -> Any:
    """Give a value `times` times as often as each of the others."""
    return value if rnd.randrange(times + len(others)) < times else rnd.choice(others)


def moment(rnd: Random) -> int:
    """Give an instant from 40 minutes before midnight to an hour after."""
    unit = rnd.choice([MINUTE, 5 * MINUTE, 5 * MINUTE, 10 * MINUTE])
    return MIDNIGHT + rnd.randint(-4, 4) * unit + mostly(rnd, 14, 0, 1, -1, 17_000, 30_000)


def span(rnd: Random, forever: int = 1) -> tuple[int, int | None]:
    """Give a start and an end (null `forever` times in eight and more)."""
    start = moment(rnd)
    minutes = rnd.choice([None] * forever + [1, 5, 7, 10, 20, 20, 45])
    return start, None if minutes is None else start + minutes * MINUTE


def long_span(rnd: Random) -> tuple[int, int | None]:
    """Give a stretch that mostly is the whole time, open."""
    return span(rnd, 2) if not rnd.randrange(5) else (MIDNIGHT - 60 * MINUTE, None)


def sources(rnd: Random) -> list[Row]:
    """Give sources that support different things over different times."""
    rows = []
    for i in range(mostly(rnd, 3, 1, 2, 3)):
        supports = mostly(
            rnd, 8, "capacity;allocation;use;wait", "capacity", "allocation;wait", "use", "capacity;allocation", ""
        )
        since = mostly(rnd, 4, MIDNIGHT - 60 * MINUTE, MIDNIGHT - 12 * MINUTE, MIDNIGHT + 3 * MINUTE)
        until = mostly(rnd, 3, MIDNIGHT + 60 * MINUTE, MIDNIGHT + 25 * MINUTE, MIDNIGHT + 31 * MINUTE + 7)
        row = {"source": f"s{i}", "supports": supports, "covers_from": since, "covers_to": until, "ingested_at": 0}
        rows.append(row)
    return rows


def inventory(rnd: Random, node: str, facts: Facts) -> None:
    """Add what a node has."""
    gpus = rnd.choice([2, 2, 2, 1, 4, 0, None])
    for _ in range(mostly(rnd, 10, 1, 2, 0, 3)):
        start, end = long_span(rnd)
        facts["nodes"].append({
            "node": node, "start": start, "end": end, "gpus": mostly(rnd, 5, gpus, 1, 3),
            "partitions": rnd.choice(["p", "p;q", "q", ""]), "pool": rnd.choice(["A", "B", None]),
            "gpu_model": rnd.choice(["H100", "A100", None]), "gpu_memory_mib": mostly(rnd, 3, 100, 81_559, 7, None),
            "cpus": mostly(rnd, 6, 4, 3, None), "memory_mib": mostly(rnd, 6, 1000, 7, None),
        })  # fmt: skip
    sets = [["0", "1"], ["0/0", "0/1", "1"], ["1", "0"], ["0", "0/1"], ["10", "9", "x"], ["0", "2"]]
    for gpu in rnd.choice([*[[]] * 7, *sets]):
        for _ in range(mostly(rnd, 7, 1, 2)):
            start, end = long_span(rnd)
            facts["devices"].append({
                "node": node, "gpu": gpu, "start": start, "end": end, "gpu_model": mostly(rnd, 3, None, "MIG", "A100"),
                "milli": rnd.choice([1000, 1000, 500, 333, 142]), "memory_mib": mostly(rnd, 3, 100, 40, 9_728, None),
            })  # fmt: skip


def said(rnd: Random, node: str, facts: Facts) -> None:
    """Add what is said of a node: its states, and what it says is allocated."""
    for _ in range(mostly(rnd, 3, 0, 1, 2, 3)):
        start, end = span(rnd)
        state = rnd.choice(["down", "planned_down", "up"])
        facts["node_states"].append({"node": node, "state": state, "start": start, "end": end})
    for _ in range(mostly(rnd, 5, 0, 1, 2)):
        start, end = span(rnd, 4)
        facts["node_allocations"].append({
            "node": node, "start": start, "end": end, "gpu_milli": rnd.choice([2000, 1000, 1500, 0, 5000, None]),
            "cpu_milli": rnd.choice([4000, 1000, 0, 9000, None]), "memory_mib": rnd.choice([1000, 500, 0, None]),
        })  # fmt: skip


def reservations(rnd: Random, nodes: list[str]) -> list[Row]:
    """Give reservations, of which only those for maintenance matter."""
    rows = []
    for i in range(mostly(rnd, 3, 0, 1, 2)):
        start, end = span(rnd)
        kind, named = mostly(rnd, 2, "maintenance", "user"), rnd.choice([";".join(nodes), nodes[0], "n9"])
        rows.append({"name": f"r{i}", "nodes": named, "kind": kind, "start": start, "end": end})
    return rows


def minutes_after(rnd: Random, *choices: int | None) -> int | None:
    """Give an instant some minutes from midnight, or null."""
    minutes = rnd.choice(choices)
    return None if minutes is None else MIDNIGHT + minutes * MINUTE


def job(rnd: Random, job_id: str, attempt: int, rows: list[Row]) -> Row:
    """Give a jobs row of an attempt that has these allocation rows."""
    start = mostly(rnd, 5, min(row["start"] for row in rows), None) if rows else None
    end = rnd.choice([None, None, MIDNIGHT + 9 * MINUTE, *(row["end"] for row in rows)])
    states = ["RUNNING", "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "REQUEUED", "PENDING", "NODE_FAIL"]
    return {
        "job_id": job_id, "attempt": attempt, "user": rnd.choice(["u1", "u2", None]),
        "account": rnd.choice(["a", "b", None]), "partition": rnd.choice(["p", "q", "p;q", "r", None]),
        "submit": minutes_after(rnd, None, -30, -15, -15, -7, 5),
        "eligible": minutes_after(rnd, None, None, None, -15, -10, 3),
        "start": start, "end": None if None not in {start, end} and end < start else end, "state": rnd.choice(states),
        "req_gpu_milli": rnd.choice([None, 0, 1000, 1500]), "req_cpu_milli": rnd.choice([None, 2000]),
        "req_memory_mib": rnd.choice([None, 300]), "req_gpu_model": mostly(rnd, 6, None, "H100", "MIG"),
        "pending_reason": mostly(rnd, 5, None, "Dependency", "JobHeldUser", "Resources", "BeginTime"),
    }  # fmt: skip


def held(rnd: Random, job_id: str, attempt: int, nodes: list[str], *, named: bool) -> list[Row]:
    """Give the allocation rows of an attempt: one or several, resized or on several nodes."""
    rows = []
    for _ in range(mostly(rnd, 4, 1, 2, 3)):
        start, end = span(rnd, 4)
        milli = rnd.choice([1000, 1000, 1000, 2000, 500, 333, 1500, 4000, 0])
        gpus = rnd.choice(["0", "1", "0;1", "1;0", "0/0", "0/1;1", "x;10", "7"]) if named else None
        rows.append({
            "job_id": job_id, "attempt": attempt, "node": rnd.choice(nodes), "start": start, "end": end,
            "gpu_milli": milli, "gpus": "" if gpus is not None and milli == 0 else gpus,
            "cpu_milli": rnd.choice([1000, 1000, 2000, 3000, 999, 0, None]),
            "memory_mib": rnd.choice([100, 100, 600, 333, 0, None]),
        })  # fmt: skip
    return rows


def bit(table: str, column: str) -> int:
    """Give the bit of a measured column in `_rejected`."""
    return 1 << FACTS[table].measured.index(column)


def figures(rnd: Random, table: str, columns: dict[str, tuple[Any, ...]]) -> Row:
    """Give a value of each column, null now and then, or carried and not believed."""
    row: Row = {"_rejected": 0}
    for column, values in columns.items():
        row[column] = rnd.choice([*values, *values, None])
        if not rnd.randrange(12):
            row[column] = None
            row["_rejected"] |= bit(table, column)
    return row


def gpu_figures(rnd: Random) -> Row:
    """Give the figures of a GPU sample: plainly busy or quiet half of the time, so that long runs come about."""
    if rnd.randrange(2):
        ratio, memory = rnd.choice([0.0, 0.0, 0.9]), rnd.choice([0, 33, 100])
        return {"gpu_util_ratio": ratio, "memory_used_mib": memory, "_rejected": 0}
    return figures(rnd, "gpu_samples", {
        "gpu_util_ratio": (*[None] * 4, *RATIOS),
        "gr_engine_active_ratio": (None, *RATIOS), "sm_active_ratio": (*[None] * 9, *RATIOS),
        "tensor_active_ratio": (*[None] * 9, *RATIOS), "memory_used_mib": (0, 3, 50, 77, 100, 40_000),
    })  # fmt: skip


def host_figures(rnd: Random) -> Row:
    """Give the measured figures of a host sample."""
    cpu, memory = (0, 0, 0, 5, 10, 500, 999, 1000, 5000), (0, 50, 100, 101, 333, 2000)
    return figures(rnd, "host_samples", {"cpu_used_milli": cpu, "memory_used_mib": memory})


def ghost(table: str, figured: Row) -> Row:
    """Give the figures of a sample whose row is rejected as a whole: it carried them, and none is believed."""
    mask = sum(bit(table, name) for name, value in figured.items() if name != "_rejected" and value is not None)
    return {**dict.fromkeys(figured), "_rejected": figured["_rejected"] | mask}


def series(rnd: Random, table: str, key: Row) -> list[Row]:
    """Give a series of samples of a device or host: blocks of equal figures, gaps, jitter, ghosts."""
    begin = rnd.choice([-40, -30, -20, -12, -10, -5, 0, 3]) * MINUTE + mostly(rnd, 8, 0, 20_000, 1)
    step = mostly(rnd, 4, MINUTE, 3 * MINUTE, 5 * MINUTE, 7 * MINUTE)
    duration = mostly(rnd, 8, step, step * 2 // 3, step // 2, 2 * step)
    jitter = mostly(rnd, 6, [0], [0, 500, -500], [0, 0, 30_001])
    rows: list[Row] = []
    place = 0
    for _ in range(rnd.randint(1, 5)):
        block = gpu_figures(rnd) if table == "gpu_samples" else host_figures(rnd)
        kind = mostly(rnd, 10, "sample", "gap", "ghost")
        for _ in range(rnd.randint(1, 9)):
            at = MIDNIGHT + begin + place * step + jitter[place % len(jitter)]
            place += 1
            row = ghost(table, block) if kind == "ghost" else block
            if kind != "gap" and (row["_rejected"] or any(v is not None for n, v in row.items() if n != "_rejected")):
                rows.append({**key, "start": at, "duration_ms": 0 if kind == "ghost" else duration, **row})
    return rows


def samples(rnd: Random, nodes: list[str], facts: Facts) -> None:
    """Add samples: every device and node unlabelled, or series that are drawn one by one."""
    labels = [None, None, *{row["job_id"] for row in facts["allocations"]}, "99"]
    gpus = ["0", "1", "0", "1", "0/0", "0/1", "2", "10", "x"]
    if rnd.randrange(3) == 0:
        for node in nodes:
            for gpu in ("0", "1"):
                facts["gpu_samples"] += series(rnd, "gpu_samples", {"node": node, "gpu": gpu, "job_id": None})
    for _ in range(rnd.randint(0, 4)):
        key = {"node": rnd.choice(nodes), "gpu": rnd.choice(gpus), "job_id": rnd.choice(labels)}
        facts["gpu_samples"] += series(rnd, "gpu_samples", key)
    for _ in range(rnd.randint(0, 3)):
        key = {"node": rnd.choice(nodes), "job_id": rnd.choice(labels)}
        facts["host_samples"] += series(rnd, "host_samples", key)


def usage(rnd: Random, job_id: str, attempt: int, nodes: list[str]) -> list[Row]:
    """Give whole-job figures of an attempt, at any scope."""
    rows = []
    for _ in range(rnd.randint(1, 5)):
        signals = ["gpu_util", "gr_engine_active", "gpu_memory_used_mib", "cpu_used_milli", "memory_used_mib"]
        signal = rnd.choice(signals)
        ratio = signal in signals[:2]
        values = [None, 0.0, 1e-9, 0.3, 1 / 3, 1.0] if ratio else [None, 0.0, 0.3, 33.5, 100.0, 777.7, 1e5]
        gpu = rnd.choice([None, None, "0", "1"]) if "gpu" in signal or ratio else None
        rows.append({
            "job_id": job_id, "attempt": attempt, "node": rnd.choice([None, *nodes]), "gpu": gpu, "signal": signal,
            "mean": rnd.choice(values), "max": rnd.choice(values), "source": "s",
        })  # fmt: skip
    return rows


def cluster(rnd: Random, name: str) -> Facts:
    """Give the facts of one cluster."""
    facts: Facts = {table: [] for table in TABLES}
    nodes = [f"n{i}" for i in range(mostly(rnd, 2, 1, 2, 3))]
    facts["sources"] = sources(rnd)
    for node in nodes:
        inventory(rnd, node, facts)
        said(rnd, node, facts)
    facts["reservations"] = reservations(rnd, nodes)
    named = rnd.choice([0.2, 0.5, 0.9])
    for job_id in JOBS[: rnd.randint(0, len(JOBS))]:
        for attempt in range(mostly(rnd, 4, 1, 2)):
            rows = held(rnd, job_id, attempt, nodes, named=rnd.random() < named) if rnd.randrange(6) else []
            facts["allocations"] += rows
            if rnd.randrange(7):
                facts["jobs"].append(job(rnd, job_id, attempt, rows))
            if rnd.randrange(2):
                facts["job_usage"] += usage(rnd, job_id, attempt, nodes)
    samples(rnd, nodes, facts)
    return {table: complete(table, name, rows) for table, rows in facts.items()}


def complete(table: str, cluster_name: str, rows: list[Row]) -> list[Row]:
    """Fill in the columns that were not drawn, and keep the first row of each natural key."""
    empty: Row = dict.fromkeys(FACTS[table].names)
    if table in CLEAN:
        empty["_rejected"] = 0
    kept: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        full = {**empty, "cluster": cluster_name, **row}
        kept.setdefault(tuple(full[name] for name in FACTS[table].key), full)
    return list(kept.values())


def draw_facts(rnd: Random) -> Facts:
    """Give the facts of one cluster, now and then of two."""
    several = [cluster(rnd, name) for name in mostly(rnd, 9, "c", "cd")]
    return {table: [row for facts in several for row in facts[table]] for table in TABLES}


def draw_settings(rnd: Random) -> LedgerSettings:
    """Give ledger settings: half of the time the defaults."""
    if rnd.randrange(2):
        return LedgerSettings()
    default = ("gr_engine_active", "gpu_util")
    orders = [default, ("gpu_util",), ("sm_active", "gpu_util"), ("tensor_active", "gr_engine_active")]
    return LedgerSettings(
        gpu_signals=rnd.choice(orders),
        inactive_ratio=rnd.choice([0.01, 0.0, 0.5]),
        inactivity_span_ms=rnd.choice([5 * MINUTE, 0, 3 * MINUTE, 10 * MINUTE]),
        max_duration_ms=rnd.choice([60 * MINUTE, MINUTE, 4 * MINUTE]),
        max_gap_ms=rnd.choice([5 * MINUTE, 0, 30_000]),
    )


def clusters() -> st.SearchStrategy[tuple[Facts, LedgerSettings]]:
    """Give facts and settings, by dice that shrink."""
    return st.randoms(use_true_random=False).map(lambda rnd: (draw_facts(rnd), draw_settings(rnd)))


def arrow(facts: Facts) -> dict[str, pa.Table]:
    """Give the facts as Arrow tables, as clean rows have them."""
    result = {}
    for table in FACTS:
        schema = FACTS[table].arrow
        if table in CLEAN:
            schema = schema.append(pa.field("_rejected", pa.int32(), nullable=False))
        rows = facts.get(table, [])
        columns = [pa.array([row[field.name] for row in rows], field.type) for field in schema]
        result[table] = pa.Table.from_arrays(columns, schema=schema)
    return result
