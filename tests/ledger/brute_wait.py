"""The oracle's waiting jobs (docs/spec/ledger.md, 1.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.ledger.brute_time import Horizons, Row, Span, clip, covers

if TYPE_CHECKING:
    from tests.ledger.brute_hold import Allocation, Inventory

HELD = {
    "JobHeldUser", "JobHeldAdmin", "JobHoldMaxRequeue", "Dependency", "DependencyNeverSatisfied", "BeginTime",
}  # fmt: skip


@dataclass(frozen=True)
class Waiter:
    """A jobs row that waits."""

    job: Row
    spans: list[Span]
    """When it waits and that is known."""
    tres: tuple[str, ...]
    """What it waits for."""

    def waits(self, moment: int) -> bool:
        """Tell whether it waits at a moment."""
        return covers(self.spans, moment)

    def may_use(self, inventory: Inventory | None) -> bool:
        """Tell whether it may use a node as it is at a moment."""
        if inventory is None:
            return False
        wanted, model = self.job["partition"], self.job["req_gpu_model"]
        of_node = inventory.row["partitions"].split(";")
        partition = wanted is None or any(name in of_node for name in wanted.split(";"))
        models = {inventory.row["gpu_model"], *(d.model for d in (inventory.devices or {}).values())}
        return partition and (model is None or model in models)


def waiters(jobs: list[Row], allocations: list[Allocation], hz: Horizons) -> list[Waiter]:
    """Give the jobs rows that wait, and when."""
    result = []
    for job in jobs:
        since = job["submit"] if job["eligible"] is None else job["eligible"]
        if since is None or (job["eligible"] is None and job["pending_reason"] in HELD):
            continue
        until = next((job[name] for name in ("start", "end") if job[name] is not None), hz.allocation)
        asks = job["req_gpu_milli"]
        own = [a for a in allocations if (a.job_id, a.attempt) == (job["job_id"], job["attempt"])]
        gpu = any(a.gpu_milli > 0 for a in own) if asks is None else asks > 0
        spans = clip((since, min(until, hz.end)), hz.covered["wait"])
        if spans:
            result.append(Waiter(job, spans, ("gpu", "gpu_memory") if gpu else ("cpu", "memory")))
    return result
