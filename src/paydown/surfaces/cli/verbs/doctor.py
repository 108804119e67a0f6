"""Say what is here and what is missing: environment, store, freshness, facts that reports need, days to post."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import groupby

import click

from paydown.errors import PaydownError
from paydown.surfaces.cli import examine
from paydown.surfaces.cli.examine import Finding
from paydown.surfaces.cli.session import Session, session_of
from paydown.surfaces.cli.words import OneOf

_HELP = f"""{__doc__}

What a report lacks is told from the report's own declaration of what it needs.
"""

MARKS = {"ok": "+", "note": " ", "missing": "-", "wrong": "!"}
"""How each state looks."""


@click.pass_context
def _doctor(context: click.Context, /, form: str) -> None:
    findings = list(examined(session_of(context)))
    if form == "json":
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
        return
    for part, found in groupby(findings, key=lambda finding: finding.part):
        click.echo(part.capitalize())
        for finding in found:
            click.echo(f"  {MARKS[finding.state]} {finding.name}: {_safe(finding.told)}")


def _safe(text: str) -> str:
    from paydown.surfaces.values import escaped

    return escaped(text)


def examined(session: Session) -> Iterator[Finding]:
    """Look at everything; what cannot be looked at is a finding as well."""
    yield from examine.environment()
    yield from examine.extensions(session.app)
    try:
        store = session.app.store()
    except PaydownError as error:
        yield Finding("store", session.app.store_path, "missing", str(error))
        return
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        lambda: examine.store(store),
        lambda: examine.freshness(store.snapshot(), session.clock(), pseudonyms=session.nameless),
        lambda: examine.dirty(store.snapshot()),
        lambda: examine.needs(store.snapshot(), session.app),
    )
    for look in looks:
        try:
            yield from look()
        except PaydownError as error:
            yield Finding("store", session.app.store_path, "wrong", str(error))


COMMAND = click.Command(
    "doctor",
    callback=_doctor,
    help=_HELP,
    params=[
        click.Option(["--format", "form"], type=OneOf(("text", "json")), default="text", help="How it is written.")
    ],
)
