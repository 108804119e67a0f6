"""Print what completes words in a shell, for `eval "$(paydown completion bash)"`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from paydown.errors import UsageError
from paydown.surfaces.cli.words import OneOf

SHELLS = ("bash", "zsh", "fish")
"""The shells that words can be completed in."""


@click.pass_context
def _print(context: click.Context, /, shell: str) -> None:
    kind = get_completion_class(shell)
    if kind is None:
        raise UsageError(f"There is no completion for {shell}.")
    click.echo(kind(context.find_root().command, {}, "paydown", "_PAYDOWN_COMPLETE").source())


COMMAND = click.Command(
    "completion", callback=_print, help=__doc__, params=[click.Argument(["shell"], type=OneOf(SHELLS))]
)
