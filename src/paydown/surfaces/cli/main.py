"""The entry point of `paydown`: verbs from the reports, the connectors and the files of `verbs`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence

import click

from paydown import __version__
from paydown.surfaces.cli.failures import guarded
from paydown.surfaces.cli.groups import LazyGroup
from paydown.surfaces.cli.listing import Listed, listed
from paydown.surfaces.cli.session import Session, place_options, placed

_HELP = """Measure the computational debt of AI clusters, and pay it down.

Start with `paydown demo`, or with `paydown ingest` and a dump of your own cluster.
"""


def verbs() -> Mapping[str, Listed]:
    """List the verbs that are not reports."""
    return listed(("surfaces/cli/verbs",), "COMMAND")


def reports() -> Mapping[str, Listed]:
    """List the reports."""
    return listed(("reports",), "REPORT", "paydown.reports")


def _load_verb(entry: Listed) -> click.Command:
    command: click.Command = importlib.import_module(entry.module).COMMAND
    return placed(command)


def _load_report(entry: Listed) -> click.Command:
    from paydown.surfaces.cli.report_verb import command_of

    return placed(command_of(entry))


def root() -> LazyGroup:
    """Make the group of all verbs."""
    group = LazyGroup(
        name="paydown",
        help=_HELP,
        params=place_options(),
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
        sections=(("Reports", reports, _load_report), ("Commands", verbs, _load_verb)),
    )
    return click.version_option(__version__, prog_name="paydown")(group)


def run(arguments: Sequence[str] | None = None, session: Session | None = None) -> int:
    """Run one command line and give its exit code."""
    return guarded(lambda: root().main(arguments, prog_name="paydown", standalone_mode=False, obj=session or Session()))


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run())


if __name__ == "__main__":
    main()
