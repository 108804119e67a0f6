"""Prove the store: every unit in exactly one category, every roll-up equal to its parts."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from paydown.errors import PaydownError
from paydown.surfaces.cli.session import session_of

_HELP = f"""{__doc__}

What was reported is worked out again from the inventory, what was allocated from the allocations. Exit code 1 and the
cells where they differ, if any do.
"""

SHOWN = 50
"""How many cells are shown one by one."""


@click.pass_context
def _check(context: click.Context) -> None:
    from paydown.ledger.check import check

    session = session_of(context)
    store = session.app.store()
    cells = list(check(store))
    for cell in cells[:SHOWN]:
        click.echo(told(cell))
    if len(cells) > SHOWN:
        click.echo(f"... and {len(cells) - SHOWN:,} more.")
    if cells:
        raise PaydownError(
            f"{len(cells):,} cells do not balance in {store.path}; `paydown post --from --to` posts anew."
        )
    click.echo(f"Everything balances: store {store.path}")


def told(cell: Any) -> str:
    """Say a cell in one line, field by field."""
    from paydown.surfaces.values import escaped

    if dataclasses.is_dataclass(cell) and not isinstance(cell, type):
        fields = ((field.name, getattr(cell, field.name)) for field in dataclasses.fields(cell))
        return escaped(" ".join(f"{name}={value}" for name, value in fields if value is not None))
    return escaped(str(cell))


COMMAND = click.Command("check", callback=_check, help=_HELP)
