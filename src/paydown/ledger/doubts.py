"""Samples that several tables together contradict (L3.2, L3.3): derived, and gone when the missing fact arrives."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from paydown.ledger.columns import NONE
from paydown.ledger.frame import Frame
from paydown.ledger.intervals import Bools, Ints, overlaps, sum_by
from paydown.ledger.inventory import Inventory
from paydown.ledger.samples import Coverage
from paydown.model.entries import DOUBTS
from paydown.model.window import date_of

REASONS = ("label-without-holder", "unlisted-mig-parent")


@dataclass
class Doubts:
    """Collects (device or NONE, node or NONE, label, reason) of the day's samples that count for nobody."""

    until: int
    """The horizon in the frame: what starts later is nobody's yet."""
    parts: list[tuple[Ints, Ints, Ints, Ints]] = field(default_factory=list)

    def add(self, frame: Frame, coverage: Coverage, rows: Ints | Bools, reason: str, *, device: bool) -> None:
        """Add the chosen samples that start in the day."""
        chosen = coverage.pick(rows)
        chosen = chosen.pick((chosen.start >= frame.first) & (chosen.start < min(frame.last, self.until)))
        none = np.full(len(chosen), NONE, dtype=np.int64)
        where = (chosen.entity, none) if device else (none, chosen.entity)
        self.parts.append((*where, chosen.label, none + 1 + REASONS.index(reason)))

    def unheld(self, frame: Frame, coverage: Coverage, counted: Ints, *, device: bool) -> None:
        """Add the labelled samples that are not among the counted ones."""
        missing = coverage.label != NONE
        missing[counted] = False
        self.add(frame, coverage, missing, "label-without-holder", device=device)


def without_parents(frame: Frame, inv: Inventory, coverage: Coverage, doubts: Doubts | None) -> Coverage:
    """Leave out samples of devices that are not listed although slices of them are (L3.2)."""
    sets = [each.parents for each in inv.sets]
    if not any(len(parents) for parents in sets):
        return coverage
    of_step = [sets[code] if code != NONE else np.empty(0, dtype=np.int64) for code in inv.set_code.tolist()]
    steps = np.repeat(np.arange(len(of_step)), [len(parents) for parents in of_step])
    device = np.concatenate(of_step)
    order = np.lexsort((inv.step_start[steps], device))
    steps, device = steps[order], device[order]
    row, _, _, _ = overlaps(
        coverage.entity, coverage.start, coverage.start + 1, device, inv.step_start[steps], inv.step_end[steps]
    )
    parent = np.zeros(len(coverage), dtype=bool)
    parent[row] = True
    if doubts is not None:
        doubts.add(frame, coverage, parent, "unlisted-mig-parent", device=True)
    return coverage.pick(~parent)


def doubts_table(frame: Frame, inv: Inventory, doubts: Doubts, jobs: dict[str, int]) -> pa.Table:
    """Give the day's doubts; `jobs` are the codes of labels."""
    device, node, label, reason = (np.concatenate(part) for part in zip(*doubts.parts, strict=True))
    samples, keys = sum_by(np.ones(len(device), dtype=np.int64), device, node, label, reason)
    names = list(jobs)
    rows = [
        {
            "cluster": frame.cluster,
            "day": date_of(frame.day),
            "node": inv.nodes[inv.device_node[d] if d != NONE else n],
            "gpu": inv.device_names[d] if d != NONE else None,
            "job_id": names[j] if j != NONE else None,
            "reason": REASONS[r],
            "samples": count,
        }
        for count, d, n, j, r in zip(samples.tolist(), *(key.tolist() for key in keys), strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=DOUBTS.arrow)
