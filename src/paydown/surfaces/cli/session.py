"""What a command line works with: its settings, the installation, the clock, and how to speak to people."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from paydown.app import App


@dataclass
class Session:
    """One run of `paydown`. Nothing is read before it is asked for."""

    store: str | None = None
    """What `--store` said."""
    config: str | None = None
    """What `--config` said."""
    quiet: bool = False
    """Whether stderr tells nothing but errors."""
    pseudonyms: bool | None = None
    """Whether no name shall be shown; None: as the configuration file says."""
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    """The current instant in ms since the epoch."""

    @cached_property
    def app(self) -> App:
        """The installation; `--store` is stronger than the environment and the configuration file."""
        from paydown.app import App
        from paydown.config import load

        settings = load(self.config)
        if self.store:
            settings = settings.model_copy(update={"store": self.store})
        return App(settings, self.clock)

    @property
    def nameless(self) -> bool:
        """Whether no name of a user or a job may be shown."""
        return self.app.settings.pseudonyms if self.pseudonyms is None else self.pseudonyms

    def tell(self, text: str) -> None:
        """Say something beside the output: on stderr, unless it shall be quiet."""
        if not self.quiet:
            from paydown.surfaces.values import escaped

            click.echo(escaped(text), err=True)


def session_of(context: click.Context) -> Session:
    """Give the session of the command line that a context belongs to."""
    root = context.find_root()
    if not isinstance(root.obj, Session):
        root.obj = Session()
    return root.obj


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is not None and (value is not False or parameter.name == "pseudonyms") and parameter.name:
        setattr(session_of(context), parameter.name, value)


def place_options() -> list[click.Parameter]:
    """Give the options that every verb knows, before and after the verb."""
    told = (
        (
            ("--store",),
            "The store: a folder or s3://BUCKET/PREFIX (default: PAYDOWN_STORE, else in the user's data).",
        ),
        (
            ("--config",),
            "The configuration file (default: PAYDOWN_CONFIG, else config.toml in the user's configuration).",
        ),
    )
    options: list[click.Parameter] = [
        click.Option(flags, help=text, metavar="PATH", expose_value=False, is_eager=True, callback=_keep)
        for flags, text in told
    ]
    quiet = click.Option(
        ("--quiet", "-q"),
        is_flag=True,
        help="Say nothing on stderr but errors.",
        expose_value=False,
        is_eager=True,
        callback=_keep,
    )
    pseudonyms = click.Option(
        ("--pseudonyms/--no-pseudonyms",),
        default=None,
        help="Show no name of a user or a job: person keys and numbers stand in their place.",
        expose_value=False,
        is_eager=True,
        callback=_keep,
    )
    return [*options, quiet, pseudonyms]


def placed(command: click.Command) -> click.Command:
    """Let a verb, and those under it, take the options that stand before it after it as well."""
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            placed(inner)
    else:
        taken = {flag for parameter in command.params for flag in parameter.opts}
        command.params.extend(option for option in place_options() if not taken.intersection(option.opts))
    return command
