"""Say how each source that is collected stands: last success, lag, rows, rejects, errors."""

from __future__ import annotations

import click

from paydown.errors import StoreError
from paydown.surfaces.cli.session import session_of
from paydown.surfaces.cli.words import output_options

_HELP = f"""{__doc__}

Sources stand in the configuration file, a table `[sources.NAME]` for each; `paydown collect` reads them.
"""


@click.pass_context
def _sources(context: click.Context, /, form: str | None, output: str | None) -> None:
    from paydown.collect.standing import standing
    from paydown.model.when import zone_named
    from paydown.surfaces.cli.report_verb import deliver
    from paydown.surfaces.formats.registry import format_for

    session = session_of(context)
    settings = session.app.settings
    sources = session.app.sources()
    try:
        snapshot = session.app.store().snapshot()
    except StoreError:
        # Where there is none yet, nothing was collected; one that cannot be read is told by every other verb.
        if sources:
            snapshot = None
        else:
            raise
    answer = standing(snapshot, sources, session.clock(), pseudonyms=session.nameless)
    deliver(answer, format_for(form, output, settings.format), output, 0, zone_named(settings.timezone), session)


COMMAND = click.Command("sources", callback=_sources, help=_HELP, params=[*output_options()])
