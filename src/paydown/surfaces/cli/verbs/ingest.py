"""Read a source of facts into the store, and post the days that it changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from paydown.surfaces.cli.groups import LazyGroup
from paydown.surfaces.cli.listing import Listed, listed
from paydown.surfaces.cli.session import Session, placed, session_of

if TYPE_CHECKING:
    from paydown.connectors.interface import Connector, Recipe
    from paydown.ingest import Ingested

_HELP = f"""{__doc__}

Rows that cannot be believed are counted and kept (`paydown store rejects`); the rest goes in as one: all or nothing.
The same facts again change nothing.
"""

_COMMON = ("cluster", "timezone", "strict", "post")


def sources() -> Mapping[str, Listed]:
    """List the connectors."""
    return listed(("connectors", "connectors/traces"), "CONNECTOR", "paydown.connectors")


def _load(entry: Listed) -> click.Command:
    from paydown.app import App

    return placed(verb_of(App().connector(entry.name)))


def verb_of(connector: Connector) -> click.Command:
    """Make the verb of a connector: its settings become flags and arguments."""
    from paydown.surfaces.cli.flags import parameters_of

    @click.pass_context
    def call(context: click.Context, /, **given: Any) -> None:
        _ingest(connector, given, context)

    shown = [_recipe_option(connector.recipes)] if connector.recipes else []
    summary = connector.summary[:1].upper() + connector.summary[1:]
    return click.Command(
        connector.name,
        callback=call,
        help=f"Ingest {connector.summary.rstrip('.')}.",
        short_help=summary,
        params=[*parameters_of(connector.settings), *_common_options(set(connector.settings.model_fields)), *shown],
    )


def _recipe_option(recipes: tuple[Recipe, ...]) -> click.Option:
    """Make the flag that tells how a dump is made; it is answered before anything else is asked for."""

    def tell(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 -- click's order
        if value and not context.resilient_parsing:
            click.echo("\n\n".join(printed(recipe) for recipe in recipes))
            context.exit()

    text = "Print the commands that make a good dump, and the least privilege that each needs."
    return click.Option(["--print-command"], is_flag=True, is_eager=True, expose_value=False, callback=tell, help=text)


def printed(recipe: Recipe) -> str:
    """Write a recipe as lines for a shell: its commands, all else as comments."""
    about = (f"needs: {recipe.role}", f"without it: {recipe.without}", *recipe.notes)
    return "\n".join([f"# {recipe.title}", *(f"# * {text}" for text in about), *recipe.commands])


def _common_options(taken: set[str]) -> list[click.Parameter]:
    """Give the flags of every source; where a source has one of that name of its own, that one counts."""
    options = {
        "cluster": click.Option(["--cluster"], help="The cluster's name; stronger than what the source says."),
        "timezone": click.Option(["--timezone"], help="The IANA time zone of local times in the source."),
        "strict": click.Option(["--strict"], is_flag=True, help="Any rejected row is an error, and nothing is kept."),
        "post": click.Option(
            ["--post/--no-post"],
            default=True,
            help="Post the ledger's changed days now, or leave it to `paydown post`.",
        ),
    }
    return [options[name] for name in _COMMON if name not in taken]


def _ingest(connector: Connector, given: dict[str, Any], context: click.Context) -> None:
    from paydown.connectors.interface import Context
    from paydown.ingest import ingest
    from paydown.surfaces.cli.flags import built
    from paydown.surfaces.cli.progress import shown

    session = session_of(context)
    app = session.app
    zone = given.get("timezone") or app.settings.timezone
    asked = built(connector.settings, given, context, zone)
    _zone_exists(zone)
    with shown(quiet=session.quiet) as show, app.executor() if given.get("post") else nullcontext() as executor:
        done = ingest(
            app.store(create=True),
            connector,
            asked.model,
            Context(given.get("cluster"), zone, show),
            post=bool(given.get("post")),
            strict=bool(given.get("strict")),
            ledger=app.settings.ledger,
            executor=executor,
            progress=show,
            clock=session.clock,
        )
    tell(done, session, posted=bool(given.get("post")), notes=asked.notes)


def _zone_exists(zone: str) -> None:
    from paydown.model.when import zone_named

    zone_named(zone)


def tell(done: Ingested, session: Session, *, posted: bool, notes: tuple[str, ...] = ()) -> None:
    """Say what an ingest did: rows by table, rejects by reason, days posted, notes."""
    from paydown.surfaces.values import counted, escaped

    where = ", ".join(done.clusters) or "no cluster"
    click.echo(escaped(f"{done.source}: {where}, store {session.app.store_path}"))
    for table, rows in done.rows.items():
        click.echo(f"  {table}: {counted(rows, 'row')}{_fate(done, table)}")
    click.echo(_rejects(done.rejects))
    click.echo(_days(done, posted=posted))
    for note in _nameless((*done.notes, *notes), session):
        click.echo(f"* {escaped(note)}")


def _nameless(notes: tuple[str, ...], session: Session) -> Iterator[str]:
    """Give the notes, without names where none may be shown."""
    if not (notes and session.nameless):
        yield from notes
        return
    from paydown.store.pseudonyms import Pseudonyms

    mask = Pseudonyms.of(session.app.store().snapshot()).mask
    yield from (mask.prose(note) for note in notes)


def _fate(done: Ingested, table: str) -> str:
    fates = {"new": done.inserted, "replaced an open one": done.replaced, "known already": done.unchanged}
    told = [f"{counts[table]:,} {what}" for what, counts in fates.items() if counts.get(table)]
    return f" ({', '.join(told)})" if told else ""


def _rejects(rejects: Mapping[str, int]) -> str:
    if not rejects:
        return "No rejects."
    from paydown.ingest.run import said

    return f"{said(dict(rejects))}. `paydown store rejects` lists them."


def _days(done: Ingested, *, posted: bool) -> str:
    from paydown.surfaces.values import counted

    if posted:
        return f"{counted(done.days, 'day')} of the ledger posted."
    return f"{counted(done.dirty, 'day')} of the ledger {'waits' if done.dirty == 1 else 'wait'} for `paydown post`."


COMMAND = LazyGroup(name="ingest", help=_HELP, no_args_is_help=True, sections=(("Sources", sources, _load),))
