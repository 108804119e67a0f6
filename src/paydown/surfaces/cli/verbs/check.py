"""Prove the store: every unit in exactly one category, every roll-up equal to its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from paydown.errors import PaydownError
from paydown.surfaces.cli.session import session_of

if TYPE_CHECKING:
    from paydown.ledger.check import Cell
    from paydown.store.snapshot import Snapshot

_HELP = f"""{__doc__}

What was reported is worked out again from the inventory, what was allocated from the allocations, and every posted day
from its facts. Exit code 1 and the cells where they differ, if any do.
"""

SHOWN = 50
"""How many cells are shown one by one."""


@click.pass_context
def _check(context: click.Context, /, *, quick: bool) -> None:
    from paydown.ledger.check import check
    from paydown.surfaces.cli.progress import shown

    session = session_of(context)
    store = session.app.store()
    with shown(quiet=session.quiet) as show, session.app.executor() as executor:
        cells = check(store, recompute=not quick, executor=executor, progress=show)
    _tell(cells)
    if cells:
        raise PaydownError(f"{len(cells):,} cells do not balance in {store.path}; paydown post --from --to posts anew.")
    waiting = _waiting(store.snapshot())
    click.echo(f"Everything posted balances{waiting}: store {store.path}")


def _tell(cells: list[Cell]) -> None:
    from paydown.surfaces.values import escaped

    for cell in cells[:SHOWN]:
        click.echo(escaped(told(cell)))
    if len(cells) > SHOWN:
        click.echo(f"... and {len(cells) - SHOWN:,} more.")


def told(cell: Cell) -> str:
    """Say a cell in one line: where it is, what is there, what must be, and by which rule."""
    found, expected = ("nothing" if value is None else f"{value:,}" for value in (cell.found, cell.expected))
    place = f"{cell.cluster} {cell.day} {cell.table} {cell.where}".strip()
    return f"{place}: {found}, and must be {expected} ({cell.rule})"


def _waiting(snapshot: Snapshot) -> str:
    """What is not posted yet cannot be wrong, and is not proven either."""
    days = len({(row["cluster"], row["day"]) for row in snapshot.rows("dirty").to_pylist()})
    return f"; {days:,} days wait for `paydown post`" if days else ""


COMMAND = click.Command(
    "check",
    callback=_check,
    help=_HELP,
    params=[click.Option(["--quick"], is_flag=True, help="Do not work out the posted days again from their facts.")],
)
