"""Groups of verbs that import a verb only when it is called, and that know what a misspelt word was meant to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches

import click
from click.shell_completion import CompletionItem

from paydown.surfaces.cli.listing import Listed


class ReaderGoneError(Exception):
    """Whoever read our output has gone away, as `head` does when it has enough."""


Section = tuple[str, Callable[[], Mapping[str, Listed]], Callable[[Listed], click.Command]]
"""A heading of the help, what is listed under it, and how a verb of it is loaded."""


class LazyGroup(click.Group):
    """A group whose verbs are listed without importing them."""

    sections: tuple[Section, ...] = ()
    """Where the verbs come from; of two of one name the first counts."""

    def __init__(self, *args: object, sections: tuple[Section, ...] = (), **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.sections = sections

    def found(self) -> dict[str, tuple[Listed, Callable[[Listed], click.Command]]]:
        """Give every verb and how to load it."""
        verbs: dict[str, tuple[Listed, Callable[[Listed], click.Command]]] = {}
        for _, listing, loader in self.sections:
            for name, entry in listing().items():
                verbs.setdefault(name, (entry, loader))
        return verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names of all verbs."""
        return sorted({*super().list_commands(ctx), *self.found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a verb."""
        if cmd_name in self.found():
            entry, loader = self.found()[cmd_name]
            return loader(entry)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb that the arguments name, or say which one was probably meant."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            ctx.fail(_unknown(args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run a verb; click would make exit code 1 of a reader that goes away, so it is told by another name."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderGoneError from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help of each verb under its heading."""
        taken: set[str] = set()
        for heading, listing, _ in self.sections:
            rows = [(name, entry.help) for name, entry in listing().items() if name not in taken]
            taken.update(name for name, _ in rows)
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)
        super().format_commands(ctx, formatter) if self.commands else None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a verb or an option without importing any verb."""
        verbs = [
            CompletionItem(name, help=entry.help)
            for name, (entry, _) in self.found().items()
            if name.startswith(incomplete)
        ]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]


def _unknown(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=2, cutoff=0.5)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(known)}."
    return f"There is no {word!r}. {hint}"
