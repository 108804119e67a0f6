"""Post the ledger's days whose facts changed since they were posted."""

from __future__ import annotations

from datetime import date

import click

from paydown.errors import UsageError
from paydown.surfaces.cli.session import session_of
from paydown.surfaces.cli.words import Time

_HELP = f"""{__doc__}

Ingest does so by itself unless --no-post was given. With --from and --to the days of that time are posted again,
changed or not (UTC days; for one cluster with --cluster), for example after changing the settings of the ledger.
"""


@click.pass_context
def _post(context: click.Context, /, clusters: tuple[str, ...], start: str | None, end: str | None) -> None:
    from paydown.ledger.posting import post
    from paydown.surfaces.cli.progress import shown
    from paydown.surfaces.values import counted

    session = session_of(context)
    days = _days(start, end, session.clock())
    store = session.app.store()
    with shown(quiet=session.quiet) as show, session.app.executor() as executor:
        done = post(
            store,
            list(clusters) or None,
            days,
            settings=session.app.settings.ledger,
            executor=executor,
            progress=show,
        )
    days_posted = f"{counted(done.days, 'day')} posted ({done.looked_at:,} worked out)"
    click.echo(f"{days_posted}, {done.entries:,} entries, store {store.path}")
    if done.kept:
        kept = counted(done.kept, "day")
        click.echo(f"* {kept} left as posted: the samples were dropped, so nothing can be worked out again.")


def _days(start: str | None, end: str | None, now_ms: int) -> list[date] | None:
    """Give the UTC days of a time; None: those that changed."""
    from zoneinfo import ZoneInfo

    from paydown.model.when import when
    from paydown.model.window import date_of, day_of

    if start is None and end is None:
        return None
    if start is None or end is None:
        raise UsageError("--from and --to go together: give both, or none to post what changed.")
    first, last = (day_of(when(text, now_ms=now_ms, zone=ZoneInfo("UTC")).ms) for text in (start, end))
    if last <= first:
        raise UsageError(
            f"There are no days from {date_of(first)} to {date_of(last)}; --to is the first day that is left out."
        )
    return [date_of(day) for day in range(first, last)]


COMMAND = click.Command(
    "post",
    callback=_post,
    help=_HELP,
    params=[
        click.Option(["--cluster", "clusters"], multiple=True, help="Only these clusters."),
        click.Option(["--from", "start"], type=Time(), help="The first day to post again."),
        click.Option(["--to", "end"], type=Time(), help="The first day not to post again."),
    ],
)
