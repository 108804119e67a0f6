"""Show what Paydown does: a synthetic month of a cluster, its ledger, its debt, and a page with the picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paydown.surfaces.cli.demo_folder import DemoFolder
from paydown.surfaces.cli.session import Session, session_of

if TYPE_CHECKING:
    from paydown.app import App
    from paydown.surfaces.cli.demo_page import Shown

_HELP = f"""{__doc__}

Everything is kept in one folder, made anew by each run; your own store is not touched.
"""

_SIZES = ("nodes", "cpu_nodes", "days", "jobs", "seed")
DEBTORS = 5
"""How many debtors are shown."""


def _options() -> list[click.Parameter]:
    told = {
        "nodes": "GPU nodes of 8 GPUs each (default: 32).",
        "cpu_nodes": "Nodes without GPUs (default: 8).",
        "days": "How many days (default: 30).",
        "jobs": "About how many jobs (default: 20000).",
        "seed": "The seed; another one makes another cluster (default: 1).",
    }
    sizes = [click.Option([f"--{name.replace('_', '-')}", name], metavar="N", help=told[name]) for name in _SIZES]
    folder = click.Option(
        ["--folder"], default="paydown-demo", show_default=True, metavar="PATH", help="Where it is kept."
    )
    return [folder, *sizes]


@click.pass_context
def _demo(context: click.Context, /, folder: str, **given: str | None) -> None:
    from paydown.connectors.synthetic import CONNECTOR
    from paydown.surfaces import charts
    from paydown.surfaces.cli.flags import built

    session = session_of(context)
    asked = built(CONNECTOR.settings, given, context, "UTC")
    charts.bundle()  # what is missing for the page is told before the work, not after it
    place = DemoFolder(Path(folder))
    place.renew()
    app = replace(session.app, settings=session.app.settings.model_copy(update={"store": str(place.store)}))
    _fill(app, asked.model, session)
    shown = _shown(app, pseudonyms=session.nameless)
    following = next_steps(place)
    _write_page(shown, place, following)
    _tell(shown, place, following)


def _fill(app: App, settings: Any, session: Session) -> None:
    from paydown.connectors.interface import Context
    from paydown.connectors.synthetic import CONNECTOR
    from paydown.ingest import ingest
    from paydown.surfaces.cli.progress import shown

    session.tell(f"Making {settings.days} days of {settings.nodes} + {settings.cpu_nodes} nodes, and their ledger ...")
    with shown(quiet=session.quiet) as show, app.executor() as executor:
        ingest(
            app.store(create=True),
            CONNECTOR,
            settings,
            Context(None, "UTC", show),
            ledger=app.settings.ledger,
            executor=executor,
            progress=show,
            clock=app.clock,
        )


def _shown(app: App, *, pseudonyms: bool) -> Shown:
    from paydown.surfaces.cli.demo_page import Shown

    snapshot = app.store().snapshot()

    def asked(name: str, **given: Any) -> Any:
        report = app.report(name)
        return report.run(snapshot, report.parameters(**given, pseudonyms=pseudonyms))

    return Shown(
        debt=asked("debt", tres=("gpu", "cpu")),
        debtors=asked("debt", tres=("gpu",), by=("user", "account"), limit=DEBTORS),
        timeline=asked("timeline", tres=("gpu", "cpu")),
    )


def _write_page(shown: Shown, place: DemoFolder, following: list[str]) -> None:
    from paydown.model.when import zone_named
    from paydown.surfaces.cli.demo_page import html
    from paydown.surfaces.formats.layout import Layout
    from paydown.surfaces.formats.registry import save_bytes

    pieces = html(shown, Layout(zone_named("UTC")), following)
    save_bytes((piece.encode() for piece in pieces), str(place.page))


def _tell(shown: Shown, place: DemoFolder, following: list[str]) -> None:
    from paydown.surfaces.cli.demo_page import UNITS, headline

    window = shown.debt.window
    click.echo(f"A synthetic cluster, {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}; store {place.store}\n")
    for tres, lines in headline(shown).items():
        click.echo(UNITS[tres][0])
        for name, told in lines:
            click.echo(f"  {name:<13}{told}")
    click.echo("\nThe largest debtors (GPU-hours held and not used):\n")
    for row in shown.debtors.rows.to_pylist():
        who = f"{row['user'] or 'unknown'} ({row['account'] or 'no account'})"
        click.echo(f"  {who:<40}{row['debt_hours'] or 0:>10,.0f}")
    click.echo(f"\nThe picture: {place.page.resolve()}\n")
    click.echo("\n".join(following))


def next_steps(place: DemoFolder) -> list[str]:
    """Say what to run next: on the demonstration, and on one's own cluster."""
    return [
        "More of this cluster:",
        f"  paydown --store {place.store} debt --by account",
        f"  paydown --store {place.store} jobs --limit 10",
        f"  paydown --store {place.store} timeline --bucket 1d",
        "Your own cluster, where sacct runs and then where Paydown is installed:",
        "  sacct -a -D -P -o ALL -S 2026-01-01 -E 2026-02-01 > dump.txt",
        "  paydown ingest sacct dump.txt --cluster NAME --timezone Europe/Berlin",
        "  paydown usage",
        "  paydown debt --by user",
        "  paydown doctor",
    ]


COMMAND = click.Command("demo", callback=_demo, help=_HELP, params=_options())
