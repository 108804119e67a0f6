"""What files say of people, as rows of `identities` that go on from those of the store.

A user name is one person on all clusters. Where a team or department without a start differs from what is known, the
later file counts: it begins a millisecond after the one before at the beginning of time, so that it covers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from paydown.connectors.identities.said import Said
from paydown.model.batch import LINE, Batch, Reject
from paydown.model.facts import FACTS
from paydown.model.instants import INSTANT
from paydown.model.units import MS_PER_DAY

if TYPE_CHECKING:
    from collections.abc import Iterable

Place = tuple[str | None, str | None]
"""Team and department."""


@dataclass(frozen=True)
class _Stretch:
    """Where somebody belongs from a start on."""

    start_ms: int | None
    place: Place
    end_ms: int | None

    @property
    def order(self) -> int:
        return -1 if self.start_ms is None else self.start_ms


@dataclass
class Known:
    """Where each user name belongs on each cluster (None: on all), from the store and from what was read."""

    stretches: dict[tuple[str, str | None], list[_Stretch]] = field(default_factory=dict)

    @staticmethod
    def of(stored: pa.Table) -> Known:
        """Take what the store holds."""
        found = Known()
        times = {name: stored[name].cast(pa.int64()).to_pylist() for name in ("start", "end")}
        for row, start, end in zip(stored.to_pylist(), times["start"], times["end"], strict=True):
            if row["kind"] == "user" and (row["team"] is not None or row["department"] is not None):
                about = found.stretches.setdefault((row["name"], row["cluster"]), [])
                about.append(_Stretch(start, (row["team"], row["department"]), end))
        return found

    def place_at(self, about: tuple[str, str | None], before_ms: int) -> Place:
        """Give the team and the department that count for what begins before an instant: the latest of each."""
        begun = sorted(
            (each for each in self.stretches.get(about, ()) if each.order < before_ms), key=lambda e: e.order
        )
        teams, departments = ([each.place[at] for each in begun if each.place[at] is not None] for at in (0, 1))
        return (teams or [None])[-1], (departments or [None])[-1]

    def settle(self, said: Said, since_ms: int | None) -> Said | None:
        """Give what is said without a start the start with which it counts; None where it cannot be told.

        What is known already stands as it is known. Null says nothing.
        """
        about, place = (said.login, said.cluster), (said.team, said.department)
        known = self.stretches.get(about, [])
        limit = MS_PER_DAY if since_ms is None else since_ms + 1
        if _adds_nothing(place, self.place_at(about, limit)):
            same = [each for each in known if each.place == place and each.order < limit]
            return replace(said, start_ms=same[-1].start_ms) if same else replace(said, team=None, department=None)
        if since_ms is None and any(each.order >= MS_PER_DAY for each in known):
            return None
        start = since_ms
        if start is None and known:
            start = max(0, *(each.order for each in known)) + 1
        taken = {each.start_ms for each in known}
        while start is not None and start in taken:
            start += 1
        return replace(said, start_ms=start)

    def note(self, said: Said) -> None:
        """Keep what was said."""
        stretch = _Stretch(said.start_ms, (said.team, said.department), said.end_ms)
        self.stretches.setdefault((said.login, said.cluster), []).append(stretch)


def _adds_nothing(place: Place, known: Place) -> bool:
    return all(new in {None, old} for new, old in zip(place, known, strict=True))


def batches(
    told: Iterable[Said], known: Known, cluster: str | None, since_ms: int | None, rejects: list[Reject]
) -> Iterator[Batch]:
    """Give the rows by file, each once."""
    rows: dict[str, dict[tuple[object, ...], dict[str, object]]] = {}
    first: dict[tuple[str, str | None, str, int | None], Said] = {}
    for said in (replace(one, cluster=cluster or one.cluster) for one in told):
        mine = rows.setdefault(said.origin, {})
        clash = (
            first.setdefault((said.login, said.cluster, said.origin, said.start_ms), said) if _placed(said) else said
        )
        if (clash.team, clash.department) != (said.team, said.department):
            detail = f"line {clash.line} puts the same user elsewhere for the same time: the first counts"
            rejects.append(Reject("identities", said.origin, said.line, "second-place", detail, ""))
            continue
        settled = known.settle(said, since_ms) if _placed(said) and said.start_ms is None else said
        if settled is None:
            detail = "it is known when this user changed teams: say from when this holds (start, or --since)"
            rejects.append(Reject("identities", said.origin, said.line, "needs-start", detail, ""))
            continue
        for row in _rows(settled):
            mine.setdefault(tuple(row[name] for name in FACTS["identities"].key), row)
        if _placed(settled):
            known.note(settled)
    for origin, mine in rows.items():
        yield Batch("identities", _table(list(mine.values())), origin)


def _placed(said: Said) -> bool:
    return said.team is not None or said.department is not None


def _rows(said: Said) -> Iterator[dict[str, object]]:
    """Give the row of each name of a person; where the person belongs stands with the user name."""
    for kind, name in (("user", said.login), ("display", said.display), ("e-mail", said.email)):
        if name is None:
            continue
        row: dict[str, object] = dict.fromkeys(FACTS["identities"].names)
        row |= {"person": said.login, "kind": kind, "name": name, "cluster": said.cluster, LINE: said.line}
        if kind == "user" and _placed(said):
            place = {"team": said.team, "department": said.department}
            row |= {**place, "start": said.start_ms, "end": said.end_ms}
        yield row


def _table(rows: list[dict[str, object]]) -> pa.Table:
    kinds = {each.name: each.type for each in FACTS["identities"].arrow} | {LINE: pa.int64()}
    columns = {}
    for name, kind in kinds.items():
        values = [row[name] for row in rows]
        instant = name in {"start", "end"}
        columns[name] = pa.array(values, pa.int64()).cast(INSTANT) if instant else pa.array(values, kind)
    return pa.table(columns)
