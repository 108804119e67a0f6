"""The exit codes of `paydown`, stable and documented; scripts may rely on them."""

from __future__ import annotations

from collections.abc import Iterator

from paydown import errors

OK = 0
DEFECT = 70
"""EX_SOFTWARE of sysexits.h: an internal error."""
INTERRUPTED = 130
"""128 + SIGINT, as shells say it."""
BROKEN_PIPE = 141
"""128 + SIGPIPE: the reader of our output went away, as `head` does."""

_OTHERS = {
    OK: "It worked. Rejected rows do not change that, unless `--strict` was given.",
    DEFECT: "A defect of Paydown; the sentence on stderr names the file that holds the details.",
    INTERRUPTED: "Interrupted by Ctrl-C. What had been acknowledged is kept.",
    BROKEN_PIPE: "The reader of the output went away.",
}


def table() -> dict[int, str]:
    """Give every exit code with its meaning, in order; those of errors are told by the errors' own docstrings."""
    told = {kind.exit_code: (kind.__doc__ or "").partition("\n")[0] for kind in _kinds(errors.PaydownError)}
    told[errors.PaydownError.exit_code] = (
        "`check` found a cell that does not balance, `reconcile` a difference that nothing explains, or something "
        "outside failed."
    )
    return dict(sorted({**told, **_OTHERS}.items()))


def _kinds(kind: type[errors.PaydownError]) -> Iterator[type[errors.PaydownError]]:
    """Give an error and those below it: what other modules make of one ends with its code, and is not told apart."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from _kinds(child)
