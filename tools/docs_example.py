"""A tiny cluster in a store of its own, asked by each report for the columns of its answer: see `tools/docs.py`."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paydown.model.facts import FACTS
from paydown.model.rows import normalise
from paydown.store import open_store
from paydown.testing import tiny

if TYPE_CHECKING:
    from paydown.reports.interface import Answer
    from paydown.store.snapshot import Snapshot

CLUSTER = """
cluster lab; step 1m; origin 2024-01-01T00:00
node n1 gpus=2 cpus=16 memory=64G partitions=gpu
job 1 alice/chem on=n1:0,1 cpu=4    ..wwRRRRRRRR!FAILED
use n1:0                            ....9990000-
"""
JOB = "1"
"""A job of it, for reports that must be told one."""


@cache
def snapshot() -> Snapshot:
    """Make the store; it is gone when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="paydown-docs-"))
    atexit.register(shutil.rmtree, folder)
    store = open_store(folder / "store", create=True)
    with store.write(command="docs") as transaction:
        for name, rows in tiny(CLUSTER).items():
            transaction.upsert(name, normalise(FACTS[name], rows, CLUSTER).rows)
        return transaction.commit()


def answers(report: Any) -> list[Answer]:
    """Give the answers of a report that is told no more than it must be: first the main one, then those beside it."""
    required = [name for name, field in report.parameters.model_fields.items() if field.is_required()]
    answer = report.run(snapshot(), report.parameters(**dict.fromkeys(required, JOB)))
    return [answer, *answer.more]
