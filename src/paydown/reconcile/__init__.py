"""What others say of the same time, beside what the ledger says: every difference is explained, or red."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paydown.reconcile.settings import ReconcileSettings

if TYPE_CHECKING:
    from paydown.reconcile.run import Progress
    from paydown.reports.interface import Answer
    from paydown.store.snapshot import Snapshot

__all__ = ["ReconcileSettings", "reconciled"]


def reconciled(snapshot: Snapshot, asked: ReconcileSettings, progress: Progress) -> Answer:
    """Ask the outside, compare, and give the page."""
    # Imported late: the verb's flags need the settings alone.
    from paydown.outside.commands import Commands, Limits
    from paydown.reconcile.answers import answer
    from paydown.reconcile.run import reconcile

    commands = Commands(asked.ssh, Limits(timeout_s=asked.timeout_s))
    found = reconcile(snapshot, asked, commands.text, progress)
    return answer(found, asked, commands.calls)
