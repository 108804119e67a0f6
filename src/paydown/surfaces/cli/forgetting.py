"""What is said and asked when a person is forgotten; the person's names are not repeated."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from paydown.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from paydown.store.forget import Forgotten, Person
    from paydown.store.store import Store


def confirmed(store: Store, who: str) -> bool:
    """Ask whether the person shall be forgotten; without a terminal to ask at it is an error."""
    from paydown.store import forget, history

    if history.pending(store.path) is not None:
        return True
    person = forget.find(store.snapshot(), who)
    if not sys.stdin.isatty():
        raise UsageError("Forgetting cannot be undone; add --yes to do it without being asked.")
    for line in planned(person):
        click.echo(line, err=True)
    return click.confirm("This cannot be undone. Forget this person?", err=True)


def planned(person: Person) -> Iterator[str]:
    """Say what forgetting a person would do."""
    from paydown.surfaces.values import counted

    yield f"{person.key}: {counted(len(person.names), 'name')}, {counted(person.jobs, 'attempt')} of jobs."
    if person.shared:
        yield f"{counted(person.shared, 'name')} borne by another person as well will stay the other's."
    if person.stays:
        yield f"The site itself bears such a name, which stays: {', '.join(person.stays)}."


def told(done: Forgotten, store: str) -> Iterator[str]:
    """Say what a forgetting did."""
    from paydown.surfaces.values import counted

    if not done.files and not done.names:
        yield f"An earlier forgetting was brought to its end; nobody is known by this name: store {store}"
        return
    names = f"{counted(done.names, 'name')} and the names of {counted(done.jobs, 'attempt')} of jobs are gone"
    yield f"{done.person} is all that stays of this person: {names} ({counted(done.rows, 'row')} changed)."
    yield f"{counted(done.files, 'old file')} removed, {done.freed_bytes:,} bytes: store {store}"
