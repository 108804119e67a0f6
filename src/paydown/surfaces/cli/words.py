"""Types of flags: a word of a closed set, and an instant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import click
from click.shell_completion import CompletionItem

from paydown.model.nearest import suggestion
from paydown.surfaces.formats.registry import MODULES

COMMA = re.compile(r",(?![^\[]*\])")
"""A comma between values; one inside the brackets of a hostlist is part of it."""


class OneOf(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A word of a closed set, which knows what a misspelt one was meant to be."""

    name = "word"

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - as click calls it
        """Show the words themselves."""
        return "|".join(self.words)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Accept a word, or several with commas between where the flag takes several."""
        parts = COMMA.split(value) if param is not None and param.multiple else [value]
        for part in parts:
            if part not in self.words:
                self.fail(f"{part!r} is none of them{suggestion(part, self.words)}", param, ctx)
        return value

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - as click calls it
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete a word."""
        return [CompletionItem(word) for word in self.words if word.startswith(incomplete)]


class Time(click.ParamType):  # type: ignore[type-arg]  # as OneOf
    """An instant in any form that `paydown.model.when` reads."""

    name = "time"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - as click calls it
        """Show what is wanted."""
        return "TIME"


def output_options() -> list[click.Parameter]:
    """Give the flags on how an answer is written."""
    ending = "How it is written; else by the ending of --output."
    return [
        click.Option(["--format", "form"], type=OneOf(MODULES), help=ending),
        click.Option(
            ["--output", "-o", "output"], metavar="FILE", help="Write to a file, which is replaced as a whole."
        ),
    ]


def report_options() -> list[click.Parameter]:
    """Give the flags on how the answer of a report is written, drawn pictures included."""
    told = "Draw its picture into a file, .png or .svg; the table is then written only where it is asked for as well."
    return [*output_options(), click.Option(["--plot", "plot"], metavar="FILE", help=told)]
