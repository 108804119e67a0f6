"""The exceptions of Paydown: what went wrong outside, in one sentence that says how to mend it.

Bad data is never an exception: it becomes a reject (see `paydown.model.batch.Reject`).
"""


class PaydownError(Exception):
    """A failure that the user can act upon; its text is shown as it is, without a traceback."""

    exit_code = 1
    """The process exit code that the command line uses for this kind of failure."""


class UsageError(PaydownError):
    """The request itself is wrong: an unknown name, a bad value, an impossible combination."""

    exit_code = 2


class InputError(PaydownError):
    """A file or answer from outside cannot be read at all (wrong format, cut off, wrong columns)."""

    exit_code = 3


class StoreError(PaydownError):
    """The store is missing, damaged, or of a newer version."""

    exit_code = 4


class StoreBusyError(StoreError):
    """Another writer holds the store."""

    exit_code = 5


class MissingExtraError(PaydownError):
    """An optional dependency is not installed."""

    exit_code = 6


class RejectsError(PaydownError):
    """An ingest with `--strict` met rows that cannot be believed."""

    exit_code = 7


class SourceError(PaydownError):
    """A program or server that is asked for facts cannot be reached, refuses, or answers with nonsense."""

    exit_code = 8
