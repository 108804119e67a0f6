"""Set what Slurm and Prometheus say themselves beside the ledger: every difference is explained by evidence, or red."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from paydown.errors import PaydownError
from paydown.surfaces.cli.session import session_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from paydown.collect.settings import SourceSettings
    from paydown.reports.interface import Answer
    from paydown.surfaces.cli.session import Session

_HELP = f"""{__doc__}

Without --from and --to it compares the last seven days; without --ssh and --url it asks as the configured sources do.
It only asks: nothing is changed in Slurm, Prometheus or the store. Exit code 1 if anything is red, or nothing could be
compared, after the page is written.
"""


@click.pass_context
def _reconcile(context: click.Context, /, form: str | None, output: str | None, **given: Any) -> None:
    from paydown.reconcile import ReconcileSettings
    from paydown.surfaces.cli.flags import built

    session = session_of(context)
    zone = given.get("timezone") or session.app.settings.timezone
    asked = built(ReconcileSettings, {**_usual(given), "pseudonyms": session.nameless}, context, zone)
    settings = asked.model.model_copy(update=_configured(session.app.settings.sources, given))
    answer = _answer(session, settings)
    _deliver(answer, form, output, zone, session)
    red, skipped = answer.coverage["red"], answer.coverage["skipped"]
    if skipped == answer.coverage["rows"]:
        raise PaydownError("Nothing could be compared: the page says why.")
    if red:
        raise PaydownError(f"{red:,} figures differ by more than the tolerance, and nothing that was seen explains it.")


def _usual(given: dict[str, Any]) -> dict[str, Any]:
    """Compare the last seven days where nothing else is asked for."""
    given = {name: value for name, value in given.items() if value not in {None, ()}}
    if "start_ms" not in given and "end_ms" not in given:
        return {**given, "start_ms": "7d"}
    return given


def _configured(sources: Mapping[str, SourceSettings], given: dict[str, Any]) -> dict[str, Any]:
    """Take from the configured sources how Slurm and Prometheus are reached, where one of each is meant."""
    found: dict[str, Any] = {}
    for connector, wanted in (("slurm", "ssh"), ("prometheus", "url")):
        mine = [source for name, source in sources.items() if connector == (source.connector or name)]
        mine = [source for source in mine if not given.get("cluster") or source.cluster in {None, *given["cluster"]}]
        more = dict(mine[0].model_extra or {}) if len(mine) == 1 else {}
        if wanted in more and not given.get(wanted):
            found[wanted] = more.pop(wanted)
            found |= {connector: more} if connector == "prometheus" and not given.get(connector) else {}
    return found


def _answer(session: Session, asked: Any) -> Answer:
    from paydown.reconcile import reconciled
    from paydown.surfaces.cli.progress import shown

    with shown(quiet=session.quiet) as show:
        return reconciled(session.app.store().snapshot(), asked, show)


def _deliver(answer: Answer, form: str | None, output: str | None, zone: str, session: Session) -> None:
    from paydown.model.when import zone_named
    from paydown.surfaces.cli.report_verb import deliver
    from paydown.surfaces.formats.registry import format_for

    chosen = format_for(form, output, session.app.settings.format)
    deliver(answer, chosen, output, 0, zone_named(zone), session)


def _command() -> click.Command:
    from paydown.reconcile.settings import ReconcileSettings
    from paydown.surfaces.cli.flags import TIME_HELP, parameters_of
    from paydown.surfaces.cli.words import output_options

    parameters = [*parameters_of(ReconcileSettings, skip=("pseudonyms",)), *output_options()]
    return click.Command("reconcile", callback=_reconcile, help=f"{_HELP}\n{TIME_HELP}", params=parameters)


COMMAND = _command()
