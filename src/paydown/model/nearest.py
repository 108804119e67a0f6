"""What a misspelt word was probably meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(word: str, known: Iterable[str]) -> str:
    """End a sentence on an unknown word: with the nearest known one, else with all of them.

    >>> "stor is not known" + suggestion("stor", ["store", "limit"])
    'stor is not known; did you mean store?'
    >>> "zzz is not known" + suggestion("zzz", ["store", "limit"])
    'zzz is not known; known are limit, store.'
    """
    names = sorted(known)
    close = get_close_matches(word, names, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else f"; known are {', '.join(names)}." if names else "."
