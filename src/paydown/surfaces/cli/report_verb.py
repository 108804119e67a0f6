"""A verb from a report: its parameters become flags, its answer is written in the format that was asked for."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from paydown.errors import UsageError
from paydown.model.when import zone_named
from paydown.model.window import Window, from_ms
from paydown.surfaces.charts.engine import ending_of
from paydown.surfaces.cli.flags import TIME_HELP, Given, built, parameters_of
from paydown.surfaces.cli.session import Session, session_of
from paydown.surfaces.cli.words import report_options
from paydown.surfaces.formats.layout import Layout
from paydown.surfaces.formats.registry import MACHINE, format_for, put, save, save_bytes
from paydown.surfaces.values import instant, span

PSEUDONYMS = "pseudonyms"
"""The parameter of reports that every verb knows as a flag."""

if TYPE_CHECKING:
    from paydown.reports.interface import Answer, Report
    from paydown.store.snapshot import Snapshot
    from paydown.surfaces.cli.listing import Listed


def command_of(entry: Listed) -> click.Command:
    """Make the verb of a listed report, importing it."""
    from paydown.app import App

    return verb_of(App().report(entry.name))


def verb_of(report: Report) -> click.Command:
    """Make the verb of a report."""

    @click.pass_context
    def call(context: click.Context, /, form: str | None, output: str | None, plot: str | None, **given: Any) -> None:
        session = session_of(context)
        told = bool(form or output or not plot)
        form = format_for(form, output, session.app.settings.format)
        ending = None if plot is None else ending_of(plot)
        limit = given.get("limit")
        if form == "table" and plot is None and limit is None and _counts_rows(report):
            # A table shows no more: what a report need not make, it need not read.
            given = {**given, "limit": session.app.settings.limit}
        answer, zone = _asked(report, given, context)
        if plot is not None and ending is not None:
            draw(answer, plot, ending, zone, session)
        if told:
            deliver(answer, form, output, limit, zone, session)

    return click.Command(
        report.name, callback=call, help=f"{report.question}\n\n{TIME_HELP}", short_help=report.question,
        params=[*parameters_of(report.parameters, skip=(PSEUDONYMS,)), *report_options()],
    )  # fmt: skip


def _counts_rows(report: Report) -> bool:
    """Say whether a report's coverage tells how many rows there are, however few it gives (`Parameters.limit`)."""
    from paydown.reports.parts.parameters import Parameters

    return issubclass(report.parameters, Parameters)


def _asked(report: Report, given: dict[str, Any], context: click.Context) -> tuple[Answer, ZoneInfo]:
    session = session_of(context)
    name = given.get("timezone") or session.app.settings.timezone
    if "timezone" in report.parameters.model_fields:
        given = {**given, "timezone": name}
    if session.nameless:
        given = {**given, **_nameless(report)}
    zone = zone_named(name)
    asked = built(report.parameters, given, context, name)
    if "asked_ms" in report.parameters.model_fields and asked.model.asked_ms is None:
        asked = replace(asked, model=asked.model.model_copy(update={"asked_ms": session.clock()}))
    _in_order(asked.model, zone)
    snapshot = session.app.store().snapshot()
    answer = report.run(snapshot, asked.model)
    notes = [*asked.notes, *_beyond(snapshot, asked, answer.window, zone, session.clock())]
    return replace(answer, notes=(*answer.notes, *notes)), zone


def _nameless(report: Report) -> dict[str, bool]:
    """Ask for an answer without names; a report that cannot promise that is not run."""
    if PSEUDONYMS not in report.parameters.model_fields:
        raise UsageError(f"The report {report.name} cannot hide names; ask without --pseudonyms.")
    return {PSEUDONYMS: True}


def _in_order(asked: Any, zone: ZoneInfo) -> None:
    """Windows are half-open: one that ends where it starts holds nothing."""
    start, end = getattr(asked, "start_ms", None), getattr(asked, "end_ms", None)
    if start is not None and end is not None and end <= start:
        first, last = (instant(from_ms(moment), zone) for moment in (start, end))
        raise UsageError(f"The window is empty: --from is {first}, and --to, the first instant after it, is {last}.")


def _beyond(snapshot: Snapshot, asked: Given, window: Window, zone: ZoneInfo, now_ms: int) -> list[str]:
    """Say so where nothing is known of the window that was asked for: most often a trace of long ago meets `7d`."""
    from paydown.reports.parts.parameters import Parameters
    from paydown.reports.parts.scope import scope_of

    if not isinstance(asked.model, Parameters) or (asked.model.start_ms is None and asked.model.end_ms is None):
        return []
    known = scope_of(snapshot, Parameters(cluster=asked.model.cluster)).known
    if known is None or (known.start_ms < window.end_ms and window.start_ms < known.end_ms):
        return []
    first, last = instant(known.start, zone), instant(known.end, zone)
    now = f" Times like 7d or yesterday count from now, {instant(from_ms(now_ms), zone)}." if asked.relative else ""
    return [f"Nothing is known of this window; the store knows {first} to {last}.{now}"]


def deliver(answer: Answer, form: str, output: str | None, limit: int | None, zone: ZoneInfo, session: Session) -> None:
    """Write an answer as asked: to a file or to stdout, with what people are told beside it on stderr.

    `limit` is what was asked for (None: nothing, so that a table shows as many rows as the settings say).
    """
    store = session.app.store_path
    heading = heading_of(answer, zone, store)
    if form in MACHINE or output:
        session.tell(heading)
    if form in {"csv", "parquet"}:
        for note in answer.notes:
            session.tell(f"* {note}")
    layout = layout_for(form, output, session.app.settings.limit if limit is None else 0, zone, store)
    if output:
        save(answer, form, layout, output)
        return
    if form == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is not for terminals: add --output FILE, or redirect the output.")
    if form == "table":
        click.echo(heading)
    put(answer, form, layout, sys.stdout.buffer)


def draw(answer: Answer, plot: str, ending: str, zone: ZoneInfo, session: Session) -> None:
    """Draw the pictures of an answer into one file, below each other, and say beside it what it is."""
    from paydown.surfaces import charts

    found = charts.charts_of(answer, zone, charts.FILE)
    if not found:
        raise UsageError(_no_picture(answer))
    save_bytes(iter([charts.picture_file([drawn.spec for drawn in found], ending)]), plot, "--plot")
    for line in (heading_of(answer, zone, session.app.store_path), *(f"* {note}" for note in answer.notes)):
        session.tell(line)


def _no_picture(answer: Answer) -> str:
    if answer.pictures or any(further.pictures for further in answer.more):
        return f"There is nothing to draw: {answer.report} has no rows here."
    return f"{answer.report} has no picture of what was asked; leave out --plot, or see its page for the one it has."


def heading_of(answer: Answer, zone: ZoneInfo, store: str) -> str:
    """Say which report it is, of which window, from which store."""
    return f"{answer.report}: {span(answer.window, zone)}, {zone.key}, store {store}"


def layout_for(form: str, output: str | None, limit: int, zone: ZoneInfo, store: str) -> Layout:
    """Fit a table to the terminal; through a pipe or into a file nothing limits it (except COLUMNS)."""
    terminal = form == "table" and not output and sys.stdout.isatty()
    wished = os.environ.get("COLUMNS", "")
    width = shutil.get_terminal_size().columns if terminal or wished.isdecimal() else None
    color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Layout(zone, limit if form == "table" else 0, width, color, store)
