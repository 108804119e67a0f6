"""The oracle's pieces: how much of what is held is used, and what is quiet (docs/spec/ledger.md, 3.3 to 3.7, 4)."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tests.ledger.brute_samples import any_figure, half_up, ppm
from tests.ledger.brute_time import BUCKET, cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.ledger.brute_hold import Allocation, State
    from tests.ledger.brute_samples import Figure, Sample
    from tests.ledger.brute_time import Row, Span

    from paydown.ledger.settings import LedgerSettings

MILLION = 1_000_000


def ratio_used(kept: int, p: int, t: int) -> int:
    """Give the use of a ratio (3.4)."""
    return (2 * kept * t * p + MILLION) // (2 * MILLION)


def amount_used(u: int, held: int, kept: int, t: int) -> int:
    """Give the use of an amount (3.4)."""
    return u * t if kept == held else (2 * u * kept * t + held) // (2 * held)


class Index:
    """Samples of one TRES on one node, to be found by device, label and moment."""

    def __init__(self, found: list[Sample]) -> None:
        self.groups: dict[tuple[str | None, str | None], list[Sample]] = {}
        for sample in sorted(found, key=lambda s: s.start):
            self.groups.setdefault((sample.device, sample.label), []).append(sample)

    def at(self, device: str | None, label: str | None, moment: int) -> Sample | None:
        """Give the sample of a device (host: None) and label that covers a moment; there is at most one."""
        group = self.groups.get((device, label), [])
        place = bisect_right(group, moment, key=lambda s: s.start)
        return group[place - 1] if place and group[place - 1].holds(moment) else None

    def borders(self, device: str | None, labels: tuple[str | None, ...], span: Span) -> set[int]:
        """Give the borders of these samples inside a stretch."""
        found = [s for label in labels for s in self.groups.get((device, label), [])]
        return {border for s in found for border in (s.start, s.end) if span[0] < border < span[1]}


class Atom(NamedTuple):
    """A stretch of one (allocation, device) in which nothing at all changes."""

    start: int
    end: int
    held: int
    """h: before over-allocation."""
    kept: int
    """h': after it."""
    device_milli: int
    """D; 0 where there is no known device, and for gpu_memory."""
    all_held: int
    """S in milli; 0 where there is no known device."""
    milli: int
    """The allocation's own milli of the device."""
    node_held: int
    """The sum of h over the allocation's devices on the node (3.5)."""
    sample: Sample | None
    """The sample that counts (3.3)."""


@dataclass
class Holding:
    """What one allocation holds of one device (cpu and memory: of the node) of one TRES, over time."""

    allocation: Allocation
    tres: str
    device: str | None
    atoms: list[Atom] = field(default_factory=list)


def counting(state: State, index: Index, holding: Holding, moment: int) -> Sample | None:
    """Give the sample that counts for an allocation's device (node) at a moment (3.3)."""
    gpu = holding.tres in {"gpu", "gpu_memory"}
    if gpu and holding.device is None:
        return None
    labelled = index.at(holding.device, holding.allocation.job_id, moment)
    if labelled is not None:
        return labelled
    alone = len(state.allocations) == 1 and not any(state.unseen.values())
    return index.at(holding.device, None, moment) if gpu or alone else None


def holdings(states: list[State], tres: str, index: Index) -> list[Holding]:
    """Follow what each allocation holds of each device through a node's states."""
    found: dict[tuple[int, str | None], Holding] = {}
    for state in states:
        for i, allocation in enumerate(state.allocations):
            for device, held in state.held[tres][i].items():
                holding = found.setdefault((id(allocation), device), Holding(allocation, tres, device))
                milli = all_held = device_milli = 0
                if device is not None:
                    milli, all_held = state.held["gpu"][i][device], sum(state.holders(device))
                    if tres == "gpu":  # gpu_memory does not rest on D (section 4)
                        device_milli = state.inventory.device(device).milli if state.inventory else 1000
                span = (state.start, state.end)
                inner = index.borders(device, (allocation.job_id, None), span)
                borders = sorted({*span, *inner})
                for start, end in pairwise(borders):
                    sample = counting(state, index, holding, start)
                    node_held, kept = sum(state.held[tres][i].values()), state.kept[tres][i][device]
                    holding.atoms.append(Atom(start, end, held, kept, device_milli, all_held, milli, node_held, sample))
    return list(found.values())


@dataclass(frozen=True)
class Piece:
    """A piece (section 4) with its use."""

    start: int
    end: int
    kept: int
    used: int
    quiet: bool
    basis: str
    signal: str

    @property
    def amount(self) -> int:
        """All that is held over the piece."""
        return self.kept * (self.end - self.start)


def glue(atoms: list[Atom]) -> list[Atom]:
    """Join touching atoms in which nothing that a piece rests on differs, and cut at buckets (section 4)."""
    joined: list[Atom] = []
    for atom in atoms:
        if joined and joined[-1].end == atom.start and joined[-1][2:] == atom[2:]:
            joined[-1] = joined[-1]._replace(end=atom.end)
        else:
            joined.append(atom)
    return [atom._replace(start=a, end=b) for atom in joined for a, b in cut((atom.start, atom.end), BUCKET)]


def sampled_piece(atom: Atom, tres: str, settings: LedgerSettings) -> Piece:
    """Work out the use of a piece that a sample counts for (3.4), and whether it is quiet (3.6)."""
    sample, t = atom.sample, atom.end - atom.start
    assert sample is not None
    labelled, quiet = sample.label is not None, sample.quiet
    if tres == "gpu":
        share = sample.figure * atom.device_milli // (atom.held if labelled else atom.all_held)
        used = ratio_used(atom.kept, min(MILLION, share), t)
    else:
        u = sample.figure
        if tres == "gpu_memory" and not labelled:
            u = sample.figure * atom.milli // atom.all_held
        u = min(u, atom.held)
        used = amount_used(u, atom.held, atom.kept, t)
        if tres == "cpu" and atom.held:
            ratio = (2 * u * MILLION + atom.held) // (2 * atom.held)
            quiet = ratio <= ppm(settings.inactive_ratio)
    shared = not labelled and atom.all_held > atom.milli
    return Piece(atom.start, atom.end, atom.kept, used, quiet, "shared" if shared else "sampled", sample.signal)


def figure_piece(atom: Atom, tres: str, figure: Figure, whole: int) -> Piece:
    """Work out the use of a piece by a whole-job figure (3.5); `whole` is s of a figure of the job."""
    t = atom.end - atom.start
    if tres == "gpu":
        used = ratio_used(atom.kept, ppm(figure.value), t)
    else:
        u = half_up(figure.value)
        spread = {"gpu": 0, "node": atom.node_held if tres == "gpu_memory" else 0, "job": whole}[figure.scope]
        if spread:
            u = (2 * u * atom.held + spread) // (2 * spread)
        used = amount_used(min(u, atom.held), atom.held, atom.kept, t)
    return Piece(atom.start, atom.end, atom.kept, used, False, figure.basis, figure.signal)


def runs(pieces: list[Piece], span: int) -> Iterator[tuple[Piece, int | None]]:
    """Give each piece with the start of the inactive run that it belongs to, if it does (3.6)."""
    group: list[Piece] = []
    for piece in [*pieces, None]:
        if piece is not None and piece.quiet and (not group or group[-1].end == piece.start):
            group.append(piece)
            continue
        inactive = bool(group) and group[-1].end - group[0].start >= span
        for member in group:
            yield member, group[0].start if inactive else None
        group = []
        if piece is not None and piece.quiet:
            group.append(piece)
        elif piece is not None:
            yield piece, None


def phase(run_start: int, starts: list[tuple[int, bool]]) -> str:
    """Give the detail of an inactive run (3.6); `starts`: samples that start inside, and whether they are quiet."""
    active = [start for start, is_quiet in starts if not is_quiet]
    if not active:
        return "never_used"
    if run_start < min(active):
        return "startup"
    return "tail" if run_start > max(active) else "gap"


def inside(holding: Holding, pieces: list[Piece], glued: list[Atom]) -> list[tuple[int, bool]]:
    """Give the samples that count for a holding and start inside its allocation: start, and whether quiet (3.6)."""
    allocation = holding.allocation
    return [
        (atom.sample.start, piece.quiet)
        for atom, piece in zip(glued, pieces, strict=True)
        if atom.sample is not None and allocation.start <= atom.sample.start < allocation.end
    ]


def by_figures(of_attempt: list[Holding], usage: list[Row], node: str, tres: str, settings: LedgerSettings) -> bool:
    """Tell whether whole-job figures count for an (attempt, node, TRES) (3.5).

    `of_attempt`: what its allocations on the node hold; `usage`: its job_usage rows.
    """
    counted = [(each.allocation, atom.sample) for each in of_attempt for atom in each.atoms if atom.sample is not None]
    measured = any(row.start <= sample.start < row.end for row, sample in counted)
    return not measured and any_figure(usage, node, tres, settings)
