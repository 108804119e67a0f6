"""Look after the store: what is in it, its rejects, whether it is whole, its files, and what may be dropped."""

from __future__ import annotations

from typing import Any

import click

from paydown.errors import PaydownError
from paydown.surfaces.cli.session import Session, session_of
from paydown.surfaces.cli.words import OneOf, Time, output_options
from paydown.surfaces.values import counted

_RETAIN = """Drop facts that were over before a day. The ledger made of them stays.

Posting those days again is then refused, since their facts are gone. `paydown store compact` frees the room.
"""

_COMPACT = """Put small files together, and remove files that no recent state of the store needs.

Readers that opened the store within the grace time go on reading.
"""

_EXPORT = """Write the facts into a folder that `paydown ingest facts` reads.

Users stand in it as person keys, and their names in the table identities; with --pseudonyms no name of a user or a job
stands in it.
"""


_FORGET = """Forget a person: every name, and the names, labels and templates of the person's jobs.

PERSON is a user name, a mail address, a display name or a person key. The key stays in place of the name, and every
figure is what it was. All former states of the store are removed, so reports that run meanwhile may fail. It cannot be
undone. What lies outside the store (dumps, exports, backups) is not touched.
"""


@click.pass_context
def _info(context: click.Context, /, form: str | None, output: str | None) -> None:
    from paydown.surfaces.cli.store_answers import tables

    session = session_of(context)
    _deliver(tables(session.app.store().info(), session.clock()), form, output, 0, session)


@click.pass_context
def _rejects(context: click.Context, /, form: str | None, output: str | None, limit: int | None, **kept: Any) -> None:
    from dataclasses import replace

    from paydown.surfaces.cli.store_answers import rejects

    session = session_of(context)
    answer = rejects(session.app.store().snapshot(), kept, session.clock(), pseudonyms=session.nameless)
    answer = replace(answer, rows=answer.rows.slice(0, limit)) if limit else answer
    _deliver(answer, form, output, limit, session)


def _deliver(answer: Any, form: str | None, output: str | None, limit: int | None, session: Session) -> None:
    from paydown.model.when import zone_named
    from paydown.surfaces.cli.report_verb import deliver
    from paydown.surfaces.formats.registry import format_for

    settings = session.app.settings
    form = format_for(form, output, settings.format)
    deliver(answer, form, output, limit, zone_named(settings.timezone), session)


@click.pass_context
def _check(context: click.Context) -> None:
    store = session_of(context).app.store()
    problems = store.check()
    for problem in problems:
        _echo(problem)
    if problems:
        raise PaydownError(f"{len(problems):,} faults in {store.path}; restore it from a backup, or ingest anew.")
    _echo(f"Every file is there and whole: store {store.path}")


@click.pass_context
def _compact(context: click.Context, /, grace_hours: int, wait_s: float) -> None:
    store = session_of(context).app.store()
    done = store.compact(grace_hours=grace_hours, wait_s=wait_s)
    _echo(
        f"{done.merged:,} files made into {done.made:,}; {done.removed:,} old ones removed, {done.freed_bytes:,} bytes."
    )


@click.pass_context
def _export(
    context: click.Context, /, folder: str, tables: tuple[str, ...], clusters: tuple[str, ...], form: str
) -> None:
    session = session_of(context)
    store = session.app.store()
    form_: Any = form
    wanted = (tables or None, clusters or None, form_)
    for table, rows in store.export(folder, *wanted, pseudonyms=session.nameless).items():
        _echo(f"{table}: {counted(rows, 'row')}")
    _echo(f"Written to {folder}; `paydown ingest facts {folder}` reads it.")


@click.pass_context
def _retain(context: click.Context, /, table: str, before: str, cluster: str | None, wait_s: float) -> None:
    from zoneinfo import ZoneInfo

    from paydown.model.when import when
    from paydown.model.window import from_ms

    session = session_of(context)
    day = from_ms(when(before, now_ms=session.clock(), zone=ZoneInfo("UTC")).ms).date()
    dropped = session.app.store().retain(table, day, cluster, wait_s=wait_s)
    _echo(f"{counted(dropped, 'row')} of {table} from before {day} dropped.")


@click.pass_context
def _forget(context: click.Context, /, who: str, wait_s: float, *, yes: bool) -> None:
    from paydown.surfaces.cli.forgetting import confirmed, told

    store = session_of(context).app.store()
    if yes or confirmed(store, who):
        for line in told(store.forget(who, wait_s=wait_s), store.path):
            _echo(line)
    else:
        _echo("Nothing was changed.")


def _echo(text: str) -> None:
    from paydown.surfaces.values import escaped

    click.echo(escaped(text))


def _verb(name: str, callback: Any, text: str, *params: click.Parameter) -> click.Command:
    return click.Command(name, callback=callback, help=text, params=list(params))


def _wait() -> click.Parameter:
    told = "Seconds to wait where another process writes the store (default: 0)."
    return click.Option(["--wait", "wait_s"], type=click.FloatRange(0), default=0.0, metavar="SECONDS", help=told)


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
        _verb("check", _check, "Look whether every file is there and whole; exit code 1 if not."),
        _verb(
            "compact",
            _compact,
            _COMPACT,
            click.Option(
                ["--grace-hours"], type=click.IntRange(0), default=24, help="How long old states stay (default: 24)."
            ),
            _wait(),
        ),
        _verb(
            "export",
            _export,
            _EXPORT,
            click.Argument(["folder"]),
            click.Option(["--table", "tables"], multiple=True, help="Only these tables."),
            click.Option(["--cluster", "clusters"], multiple=True, help="Only these clusters."),
            click.Option(
                ["--format", "form"], type=OneOf(("parquet", "csv")), default="parquet", help="The files' format."
            ),
        ),
        _verb(
            "retain",
            _retain,
            _RETAIN,
            click.Argument(["table"]),
            click.Option(
                ["--before"], type=Time(), required=True, help="The first day (UTC) that is kept; 90d: days ago."
            ),
            click.Option(["--cluster"], help="Only of this cluster."),
            _wait(),
        ),
        _verb(
            "forget",
            _forget,
            _FORGET,
            click.Argument(["who"], metavar="PERSON"),
            click.Option(["--yes"], is_flag=True, help="Do not ask."),
            _wait(),
        ),
    ],
)
