"""What is shown in place of names where nobody shall be named: person keys, and numbers for the names of jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from paydown.model.masking import Mask, job_name, rewritten
from paydown.store import layout
from paydown.store.forget import changed, without_names

if TYPE_CHECKING:
    from paydown.store.snapshot import Snapshot


@dataclass(frozen=True)
class Pseudonyms:
    """The names of a store, and what stands in their place."""

    mask: Mask
    """Knows every name of every person."""
    salt: str
    """The store's id: what makes the pseudonyms of jobs' names the store's own."""

    @staticmethod
    def of(snapshot: Snapshot) -> Pseudonyms:
        """Read the names that a store knows."""
        rows = snapshot.rows("identities", columns=["name", "person"])
        names = zip(rows["name"].to_pylist(), rows["person"].to_pylist(), strict=True)
        return Pseudonyms(Mask({name: key for name, key in names if name != key}), layout.read(snapshot.path).id)

    def job_names(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Give the pseudonyms of jobs' names."""
        return rewritten(values, lambda name: job_name(name, self.salt))

    def column(self, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Give a column of an answer without names; `name` is where the names of jobs stand."""
        return self.job_names(values) if name == "name" else self.mask.column(name, values)

    def rows(self, table: str, rows: pa.Table) -> pa.Table:
        """Give rows of a table without names: identities tell no more than teams, jobs no labels and no template."""
        if table == "identities":
            return _distinct(changed(rows, "name", lambda _: rows["person"]))
        if table == "jobs":
            rows = changed(rows, "name", self.job_names)
            for name in ("labels", "template"):
                rows = changed(rows, name, lambda values: pa.chunked_array([pa.nulls(len(values), pa.string())]))
        if table in {"verdicts", "notices"}:
            of_family = pc.equal(rows["subject_type"], "family")
            rows = changed(rows, "subject", lambda values: pc.if_else(of_family, self.job_names(values), values))
        return without_names(table, rows, self.mask)


def _distinct(rows: pa.Table) -> pa.Table:
    return rows.group_by(rows.column_names, use_threads=False).aggregate([]).select(rows.column_names).cast(rows.schema)
