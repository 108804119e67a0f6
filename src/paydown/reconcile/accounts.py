"""What accounts and users held, against `sreport cluster AccountUtilizationByUser`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from paydown.dialects.slurm_reports.sreport import BY_USER, TRES_NAMES, held
from paydown.model.units import MS_PER_HOUR, TRES
from paydown.reconcile.causes import Ground, real
from paydown.reconcile.figures import Explanation, Figure
from paydown.reconcile.ledger_side import by_user, scope
from paydown.reconcile.utilization import PER_HOUR, arguments

if TYPE_CHECKING:
    from paydown.reconcile.asked import Question
    from paydown.reports.parts.people import People

CHECK = "accounts"
ROOT = "root"
"""The account above all others (sacctmgr(1))."""

Key = tuple[str, str, str]
"""Account, user and TRES."""


def figures(asked: Question, ground: Ground) -> Iterator[Figure]:
    """Compare each account and user, and the whole tree: all that jobs held, over-allocated or not."""
    theirs = _theirs(asked)
    if not any(account == ROOT for account, _, _ in theirs):
        reason = "sreport shows no sum over all accounts: nothing is rolled up, or this user may not see it"
        yield Figure(CHECK, asked.cluster, "all", "", skipped=reason)
        return
    mine = by_user(asked)
    for tres in TRES_NAMES:
        mine[ROOT, "", tres] = sum(hours for (_, _, name), hours in mine.items() if name == tres)
    favoured = _favoured(asked, ground)
    hidden = {tres: _not_shown(theirs, tres) for tres in TRES_NAMES}
    for key in sorted({*theirs, *mine}):
        if key[2] in TRES_NAMES and (theirs.get(key) or mine.get(key)):
            special = key[:2] == (ROOT, "") or not favoured.isdisjoint(key[:2])
            more = [hidden[key[2]]] if key not in theirs else []
            more += [ground.reserved_for(key[2])] if special else []
            yield _figure(asked, key, theirs.get(key, 0.0), mine.get(key, 0.0), ground, more)


def _not_shown(theirs: dict[Key, float], tres: str) -> Explanation:
    """Say how much more sreport sums than it shows: to ordinary users it leaves out rows of others."""
    whole = theirs.get((ROOT, "", tres), 0.0)
    shown = sum(hours for (_, user, name), hours in theirs.items() if user and name == tres)
    told = "sreport sums up more than the rows that it shows this user (PrivateData)"
    return Explanation("not shown", 0.0, max(0.0, whole - shown), told)


def _favoured(asked: Question, ground: Ground) -> frozenset[str]:
    """Give the users and accounts that a reservation is for, as the rows have them."""
    people = scope(asked).people
    return frozenset(people.names.get(name, people.told(name)) for name in ground.seen.reserved_for)


def _theirs(asked: Question) -> dict[Key, float]:
    """Give what Slurm says of each user of an account, and of the whole tree."""
    people = scope(asked).people
    found: dict[Key, float] = defaultdict(float)
    for row in held(asked.command(arguments(BY_USER, asked.cluster, asked.window)), asked.cluster):
        if row.user or row.account == ROOT:
            found[people.told(row.account), _named(people, row.user), row.tres] += row.used / PER_HOUR[row.tres]
    return found


def _named(people: People, user: str) -> str:
    """Give a user as the ledger's side has them: by name, or by key where no name may be shown."""
    if people.hidden is None or not user:
        return user
    return people.keys_of.get(user, ("(not known here)",))[0]


def _figure(asked: Question, key: Key, theirs: float, mine: float, ground: Ground, more: list[Explanation]) -> Figure:
    account, user, tres = key
    causes = [ground.not_covered(theirs), ground.not_rolled_up(mine), ground.not_visible(tres), *more]
    return Figure(
        CHECK,
        f"{asked.cluster} {account}{f'/{user}' if user else ''} {tres}",
        "held",
        TRES[tres].hour_unit,
        theirs,
        mine,
        rounding=asked.window.length_ms / MS_PER_HOUR / PER_HOUR[tres],
        explanations=real(causes),
    )
