"""What is said where what is measured of devices cannot be put down to who held them (docs/spec/ledger.md, 3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from paydown.model.units import TRES
from paydown.reports.parts.known import Totals

if TYPE_CHECKING:
    import pyarrow as pa


def pooled(cells: pa.Table, totals: Mapping[str, Totals]) -> list[str]:
    """Say so of each TRES of whose held time at least as much is pooled as is observed, with what would mend it."""
    import pyarrow.compute as pc

    rows = cells.filter(pc.and_kleene(pc.equal(cells["category"], "unobserved"), pc.equal(cells["detail"], "pooled")))
    found = rows.group_by("tres").aggregate([("amount", "sum")]).to_pylist()
    return [
        f"{int(row['amount_sum']) / TRES[row['tres']].per_hour:,.1f} {TRES[row['tres']].hour_unit} were held on "
        "devices that are measured, but nothing says which job held which device (pooled): whose use it is, is not "
        "known. Samples that carry the job settle it (labels such as hpc_job), or allocations that name the devices "
        "(column gpus)."
        for row in found
        if row["amount_sum"] and _mostly(int(row["amount_sum"]), totals.get(row["tres"]))
    ]


def _mostly(amount: int, found: Totals | None) -> bool:
    return found is not None and amount >= found.allocated - found.amount("unobserved")
