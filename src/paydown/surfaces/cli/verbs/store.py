"""Look after the store: what is in it, its rejects, whether it is whole, its files, and what may be dropped."""

from __future__ import annotations

from typing import Any

import click

from paydown.surfaces.cli.session import Session, session_of
from paydown.surfaces.cli.words import output_options


@click.pass_context
def _info(context: click.Context, /, form: str | None, output: str | None) -> None:
    from paydown.surfaces.cli.store_answers import tables

    session = session_of(context)
    _deliver(tables(session.app.store(), session.clock()), form, output, 0, session)


@click.pass_context
def _rejects(context: click.Context, /, form: str | None, output: str | None, limit: int | None, **kept: Any) -> None:
    from dataclasses import replace

    from paydown.surfaces.cli.store_answers import rejects

    session = session_of(context)
    answer = rejects(session.app.store().snapshot(), kept)
    answer = replace(answer, rows=answer.rows.slice(0, limit)) if limit else answer
    _deliver(answer, form, output, limit, session)


def _deliver(answer: Any, form: str | None, output: str | None, limit: int | None, session: Session) -> None:
    from paydown.model.when import zone_named
    from paydown.surfaces.cli.report_verb import deliver
    from paydown.surfaces.formats.registry import format_for

    settings = session.app.settings
    form = format_for(form, output, settings.format)
    deliver(answer, form, output, limit, zone_named(settings.timezone), session)


def _verb(name: str, callback: Any, text: str, *params: click.Parameter) -> click.Command:
    return click.Command(name, callback=callback, help=text, params=list(params))


COMMAND = click.Group(
    "store",
    help=__doc__,
    no_args_is_help=True,
    commands=[
        _verb("info", _info, "Say what is in the store, table by table.", *output_options()),
        _verb(
            "rejects",
            _rejects,
            "List the rows and fields that could not be believed, with source, line and reason.",
            click.Option(["--cluster"], multiple=True, help="Only of these clusters."),
            click.Option(["--source"], multiple=True, help="Only what these sources brought."),
            click.Option(["--reason"], multiple=True, help="Only for these reasons."),
            click.Option(["--limit"], type=click.IntRange(0), help="How many rows at most; 0 is all."),
            *output_options(),
        ),
    ],
)
