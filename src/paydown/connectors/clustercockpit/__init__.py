"""ClusterCockpit: the job database of cc-backend, with the cluster.json files that describe its devices.

docs/connectors/clustercockpit.md says what is read, and what is left out and why.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from paydown.connectors.clustercockpit.database import find, opened, query
from paydown.connectors.clustercockpit.footprint import proven
from paydown.connectors.clustercockpit.jobs import job_of
from paydown.connectors.clustercockpit.reading import NAME, Reading, text_of
from paydown.connectors.clustercockpit.settings import Settings
from paydown.connectors.clustercockpit.topology import Devices, topology
from paydown.connectors.interface import Connector, Context, Item, Recipe
from paydown.errors import InputError
from paydown.model.batch import Vouch

NOTE = (
    "A selection of jobs: it says what they used, not what the cluster had, held or kept waiting. "
    "CPU load and host memory are the nodes', not the jobs', and are left out."
)
"""What stands beside every cluster that this source vouches for."""

_ROWS = 20_000


def read(settings: Settings, context: Context) -> Iterator[Item]:
    """Read the jobs of the database, what they held, and what they used."""
    path = find(settings.path)
    devices = topology(settings.topology, path)
    with opened(path) as (database, origin):
        try:
            yield from _read(database, origin, settings, context, devices)
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path} cannot be read as a job database of ClusterCockpit: {error}") from error


def _read(
    database: sqlite3.Connection, origin: str, settings: Settings, context: Context, devices: Devices
) -> Iterator[Item]:
    select = query(database, origin)
    clusters = _clusters(database, settings, context)
    reading = Reading(settings, origin, context.cluster, devices, proven(database))
    total = database.execute("SELECT count(*) FROM job").fetchone()[0]
    done = 0
    cursor = database.execute(select)
    names = [column[0] for column in cursor.description]
    while rows := cursor.fetchmany(_ROWS):
        for row in rows:
            job = dict(zip(names, row, strict=True))
            if text_of(job["cluster"]) in clusters:
                job_of(reading, job)
        yield from reading.rows.batches(origin)
        yield from reading.rejects
        reading.rejects.clear()
        done += len(rows)
        context.progress(f"{done:,} of {total:,} jobs", done / total)
    for name in clusters:
        yield Vouch(context.cluster or name, NAME, ("use",), note=_note(reading, name))


def _note(reading: Reading, cluster: str) -> str:
    left = reading.unread[cluster]
    return NOTE + (f" {left:,} jobs had not ended: what they used is not read yet." if left else "")


def _clusters(database: sqlite3.Connection, settings: Settings, context: Context) -> tuple[str, ...]:
    """Say which clusters to read; one name for several clusters would mix their job ids."""
    held = [text_of(row[0]) for row in database.execute("SELECT DISTINCT cluster FROM job ORDER BY cluster")]
    missing = [name for name in settings.only if name not in held]
    if missing:
        raise InputError(f"{settings.path} has no jobs of {', '.join(missing)}; it has {', '.join(held)}")
    wanted = tuple(name for name in held if name in settings.only or not settings.only)
    if context.cluster and len(wanted) > 1:
        raise InputError(
            f"{settings.path} holds several clusters ({', '.join(wanted)}), which cannot all be named "
            f"{context.cluster}: choose one with --only"
        )
    return wanted


RECIPES = (
    Recipe(
        title="the job database and the topology of cc-backend",
        commands=(
            """sqlite3 var/job.db ".backup 'job.db'\"""",
            "cp var/job-archive/CLUSTER/cluster.json cluster.json",
        ),
        role="read access to cc-backend's folder `var`: the user that runs it, or a member of its group",
        without="nothing can be read; cc-backend's web pages and API give no whole dump",
        notes=("put the cluster's name for CLUSTER", "without sqlite3: copy job.db with its -wal and -journal"),
    ),
)

CONNECTOR = Connector(
    name=NAME,
    summary="the job database of ClusterCockpit (job.db), with its cluster.json",
    settings=Settings,
    supports=("use",),
    tables=("jobs", "allocations", "job_usage"),
    read=read,
    recipes=RECIPES,
)
