"""One reconciliation: each cluster's window, each comparison, each figure judged, and the page that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paydown.dialects.slurm_reports.rollup import STATS, rolled_until
from paydown.errors import PaydownError, UsageError
from paydown.model.units import MS_PER_MINUTE
from paydown.model.window import Window
from paydown.reconcile import accounts, jobs, nodes, utilization
from paydown.reconcile.asked import Command, Cut, Question, cut
from paydown.reconcile.causes import Ground
from paydown.reconcile.evidence import evidence
from paydown.reconcile.figures import Figure, Judged, judged
from paydown.reconcile.ledger_side import capped
from paydown.reconcile.ledger_side import stated as ledger_of
from paydown.reconcile.settings import ReconcileSettings
from paydown.reports.parts.parameters import Parameters
from paydown.reports.parts.scope import Scope, said, scope_of
from paydown.reports.parts.stated import stated

if TYPE_CHECKING:
    from paydown.store.snapshot import Snapshot


@dataclass(frozen=True)
class Found:
    """What came of it."""

    window: Window
    figures: tuple[Judged, ...]
    notes: tuple[str, ...]

    @property
    def red(self) -> tuple[Judged, ...]:
        """Give the figures whose difference nothing explains."""
        return tuple(each for each in self.figures if each.verdict == "red")


Progress = Callable[[str, float | None], None]
"""Called with a short text and, where it can be told, the share done in [0, 1]."""

Comparison = Callable[[Question, Ground], Iterator[Figure]]

CHECKS: dict[str, Comparison] = {
    utilization.CHECK: utilization.figures,
    accounts.CHECK: accounts.figures,
    nodes.CHECK: lambda asked, _: nodes.figures(asked),
    jobs.SEFF: lambda asked, _: jobs.by_seff(asked),
    jobs.JOBSTATS: lambda asked, _: jobs.by_jobstats(asked),
}
"""The comparisons with what Slurm says, and with the store, by name and in order."""


def no_progress(text: str, share: float | None) -> None:
    """Show nothing."""


def checks(asked: ReconcileSettings) -> dict[str, Comparison]:
    """Give the comparisons that are asked for: Prometheus only where its URL is given."""
    found = {**CHECKS, **({} if asked.url is None else {"prometheus": _prometheus(asked, asked.url)})}
    return {name: check for name, check in found.items() if not asked.check or name in asked.check}


def _prometheus(asked: ReconcileSettings, url: str) -> Comparison:
    def check(question: Question, _: Ground) -> Iterator[Figure]:
        # Imported late: it takes what speaks HTTP.
        from paydown.reconcile import prometheus

        yield from prometheus.figures(question, prometheus.settings_of(url, asked.prometheus))

    return check


def reconcile(
    snapshot: Snapshot, asked: ReconcileSettings, command: Command, progress: Progress = no_progress
) -> Found:
    """Compare everything that can be asked; what cannot is skipped, and says why."""
    parameters = Parameters(start_ms=asked.start_ms, end_ms=asked.end_ms, cluster=asked.cluster)
    scope = scope_of(snapshot, parameters)
    figures: list[Judged] = []
    notes: list[str] = []
    for cluster in scope.clusters:
        rolled, why = _rolled(command, cluster)
        window = _window(scope, cluster, rolled)
        notes += [f"{cluster}: {note}" for note in (*window.notes, *why)]
        if window.window is None:
            figures.append(judged(Figure("all", cluster, "all", "", skipped=window.notes[0]), asked.tolerance))
            continue
        every_ms = round(asked.look_minutes * MS_PER_MINUTE)
        question = Question(
            snapshot, cluster, window.window, command, every_ms, asked.seed, asked.jobs, asked.pseudonyms, rolled
        )
        figures += _compared(question, window, asked, progress)
    return Found(scope.asked, tuple(figures), tuple(notes))


def _rolled(command: Command, cluster: str) -> tuple[int | None, Sequence[str]]:
    """Ask until when usage is rolled up; where that cannot be asked, sreport itself shows it."""
    try:
        return rolled_until(command(STATS), cluster), ()
    except PaydownError as error:
        return None, (f"Until when Slurm has rolled up usage cannot be asked: {error}",)


def _window(scope: Scope, cluster: str, rolled: int | None) -> Cut:
    """Cut the window to what capacity and allocation are both stated for (L1.2)."""
    spans = _both(stated(scope, "capacity")[cluster], stated(scope)[cluster])
    return cut(scope.asked, spans, rolled, said)


def _both(one: Sequence[Window], other: Sequence[Window]) -> list[Window]:
    pairs = ((max(a.start_ms, b.start_ms), min(a.end_ms, b.end_ms)) for a in one for b in other)
    return [Window(low, high) for low, high in pairs if low < high]


def _compared(question: Question, window: Cut, asked: ReconcileSettings, progress: Progress) -> list[Judged]:
    """Run the comparisons of one cluster, each on its own: one that fails is skipped with what it met."""
    found: list[Judged] = []
    chosen = checks(asked)
    ground = _ground(question, window) if chosen else Ground()
    for done, (name, check) in enumerate(chosen.items()):
        progress(f"{question.cluster}: {name}", done / len(chosen))
        try:
            figures = list(check(question, ground))
        except UsageError:
            raise
        except PaydownError as error:
            figures = [Figure(name, question.cluster, "all", "", skipped=str(error))]
        each = [judged(figure, asked.tolerance) for figure in figures]
        found += [one for one in each if not one.figure.detail or one.verdict in {"red", "explained"}]
    return found


def _ground(question: Question, window: Cut) -> Ground:
    try:
        unrolled = question.rolled_ms is None and not utilization.rolled_up(question)
    except PaydownError:
        unrolled = False
    gap = window.gaps_ms / question.window.length_ms
    ours = ledger_of(question)
    return Ground(ours, evidence(question), capped(question, ours), gap, unrolled)
