"""Write a commented configuration file, by looking at what this machine can reach."""

from __future__ import annotations

from pathlib import Path

import click

from paydown.errors import PaydownError, UsageError
from paydown.surfaces.cli.session import Session, session_of

_HELP = f"""{__doc__}

It looks for Slurm's commands, for a Prometheus, and for GPUs of this machine; what does not answer stands in the file
as a comment. A file that is there is never overwritten.
"""


@click.pass_context
def _init(context: click.Context, /, output: str | None, prefix: str, url: str | None) -> None:
    from paydown.collect.here import USUAL_PROMETHEUS, configuration, look
    from paydown.surfaces.values import escaped

    session = session_of(context)
    place = None if output == "-" else _place(session, output)
    here = look(prefix, url or USUAL_PROMETHEUS)
    text = configuration(here, prefix, _store(session))
    for sentence in here.said:
        session.tell(sentence)
    if place is None:
        click.echo(text, nl=False)
        return
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(_there(place)) from None
    except OSError as error:
        raise PaydownError(f"{place} cannot be written: {error.strerror}.") from error
    click.echo(escaped(f"Written to {place}. Read it, then try it: paydown --config {place} collect --once"))


def _place(session: Session, output: str | None) -> Path:
    """Give where the file is to be: as said, else where it is looked for; `UsageError` where there is one."""
    import os

    from paydown.config import CONFIG_VARIABLE, usual_file

    named = output or session.config or os.environ.get(CONFIG_VARIABLE)
    place = Path(named).expanduser() if named else usual_file()
    if place.exists():
        raise UsageError(_there(place))
    return place


def _store(session: Session) -> str | None:
    """Give the store that was named, whole: in the file it would be relative to that."""
    named = session.store
    return named if named is None or "://" in named else str(Path(named).expanduser().absolute())


def _there(place: Path) -> str:
    return f"{place} is there already, and stays as it is; name another with --output, or - to only see the text."


COMMAND = click.Command(
    "init",
    callback=_init,
    help=_HELP,
    params=[
        click.Option(
            ["--output", "-o"], metavar="PATH", help="Where to write it (default: where it is looked for); - shows it."
        ),
        click.Option(
            ["--ssh", "prefix"], default="", metavar="WORDS",
            help="What comes before Slurm's commands where they are elsewhere: `ssh login1`.",
        ),
        click.Option(["--url"], metavar="URL", help="Where Prometheus is (default: http://localhost:9090)."),
    ],
)  # fmt: skip
