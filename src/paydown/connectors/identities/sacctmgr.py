"""Users, associations and accounts of Slurm, as `sacctmgr` shows them with -P, -p or --json.

sacctmgr(1), "show user", "show association", "show account" of Slurm 22.05 and 24.11. The files of one command belong
together: users tell default accounts, associations who may use which account and which account is above which, accounts
their Organization.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from paydown.connectors.identities.said import Said
from paydown.errors import InputError

if TYPE_CHECKING:
    from paydown.connectors.identities.settings import Level

_BAD = (TypeError, ValueError, KeyError, AttributeError)
_KNOWN = frozenset({"user", "account", "cluster", "defacct", "defaultaccount", "parname", "parentname", "org"})
ROOT = "root"
"""The account above all others, which is nobody's team or department."""


@dataclass
class Accounts:
    """What the dumps of a command say together."""

    origin: str = ""
    users: dict[str, int | None] = field(default_factory=dict)
    """Every user name, with the line that names it first."""
    defaults: dict[tuple[str, str | None], str] = field(default_factory=dict)
    """The default account by user name and cluster; cluster None: where nothing else is said."""
    member: dict[str, dict[str | None, dict[str, None]]] = field(default_factory=dict)
    """The accounts of each user name, by cluster."""
    parents: dict[tuple[str | None, str], str] = field(default_factory=dict)
    organizations: dict[str, str] = field(default_factory=dict)
    undecided: int = 0
    """How many users have several accounts and no default one."""

    def row(self, cells: Mapping[str, str], line: int | None) -> None:
        """Take one row: of a user, of an association, or of an account."""
        login, account, cluster = cells.get("user", ""), cells.get("account", ""), cells.get("cluster") or None
        if not login:
            self._account(cells, account, cluster)
            return
        self.users.setdefault(login, line)
        default = cells.get("defacct") or cells.get("defaultaccount")
        if default:
            self.defaults[login, cluster] = default
        if account:
            self.member.setdefault(login, {}).setdefault(cluster, {})[account] = None

    def _account(self, cells: Mapping[str, str], account: str, cluster: str | None) -> None:
        parent = cells.get("parname") or cells.get("parentname")
        if account and parent and parent != ROOT:
            self.parents[cluster, account] = parent
        if account and cells.get("org"):
            self.organizations[account] = cells["org"]

    def said(self, team_from: Level, department_from: Level) -> Iterator[Said]:
        """Give what all that comes to: one place for a user where all clusters agree, else one for each cluster."""
        for login, line in self.users.items():
            places: dict[str | None, tuple[str | None, str | None]] = {}
            for cluster in self._clusters(login):
                account = self._account_of(login, cluster)
                places[cluster] = (
                    self._level(account, cluster, team_from),
                    self._level(account, cluster, department_from),
                )
            if len(set(places.values())) == 1:
                places = {None: next(iter(places.values()))}
            else:
                yield Said(login, self.origin, line)
            for cluster, (team, department) in places.items():
                yield Said(login, self.origin, line, cluster, team=team, department=department)

    def _clusters(self, login: str) -> list[str | None]:
        named = [cluster for name, cluster in self.defaults if name == login and cluster]
        found = dict.fromkeys([*named, *(cluster for cluster in self.member.get(login, {}) if cluster)])
        return [*found] or [None]

    def _account_of(self, login: str, cluster: str | None) -> str | None:
        """Give the default account, else the only one; None where there are several."""
        default = self.defaults.get((login, cluster)) or self.defaults.get((login, None))
        mine = self.member.get(login, {}).get(cluster, {})
        if default or len(mine) == 1:
            return default or next(iter(mine))
        self.undecided += len(mine) > 1
        return None

    def _level(self, account: str | None, cluster: str | None, level: Level) -> str | None:
        if account is None or level == "none":
            return None
        if level == "account":
            return account
        if level == "organization":
            return self.organizations.get(account)
        return self.parents.get((cluster, account)) or self.parents.get((None, account))


def is_sacctmgr(head: str) -> bool:
    """Say whether a first line is that of such a dump."""
    names = set(_header(head))
    return "|" in head and bool(names & {"user", "account"}) and len(names & _KNOWN) > 0


def _header(line: str) -> list[str]:
    return [re.sub(r"\s+", "", name).lower() for name in line.split("|")]


def take_text(accounts: Accounts, text: str, origin: str) -> Iterator[tuple[int, str, str]]:
    """Take a dump with -P or -p; give (line, reason, detail) of each line that cannot be read."""
    accounts.origin = accounts.origin or origin
    lines = [(number, line.rstrip("\r")) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    header = _header(lines[0][1])
    for number, line in lines[1:]:
        cells = line.split("|")
        if "\0" in line or "\ufffd" in line:
            yield number, "nul-byte" if "\0" in line else "not-utf8", "the line is no text in UTF-8"
        elif len(cells) != len(header):
            yield number, "wrong-cells", f"the line has {len(cells)} cells, and the first line {len(header)}"
        else:
            accounts.row({name: cell.strip() for name, cell in zip(header, cells, strict=True)}, number)


def take_json(accounts: Accounts, data: bytes, origin: str) -> None:
    """Take a dump with --json; what is none is an `InputError`."""
    accounts.origin = accounts.origin or origin
    try:
        found = json.loads(data.decode(errors="replace"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{origin}: is JSON that is cut off or damaged ({error}): make the dump again.") from None
    lists = {name: found.get(name) for name in ("users", "associations", "accounts")} if isinstance(found, dict) else {}
    if not any(isinstance(rows, list) for rows in lists.values()):
        raise InputError(f"{origin}: is JSON without users: make it with `sacctmgr show user withassoc --json`.")
    try:
        for at, cells in enumerate(_of_json(lists), 1):
            accounts.row(cells, at)
    except _BAD as error:
        raise InputError(f"{origin}: its users cannot be read ({error!r}): use -P in place of --json.") from None


def _of_json(lists: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Give the rows that the text of the same dump would have."""
    for user in _objects(lists.get("users")):
        yield {"user": _word(user["name"]), "defacct": _word((user.get("default") or {}).get("account"))}
        yield from (_association(one) for one in _objects(user.get("associations")))
    yield from (_association(one) for one in _objects(lists.get("associations")))
    for account in _objects(lists.get("accounts")):
        yield {"account": _word(account["name"]), "org": _word(account.get("organization"))}


def _association(one: Mapping[str, Any]) -> dict[str, str]:
    account = _word(one["account"])
    return {
        "user": _word(one.get("user")),
        "account": account,
        "cluster": _word(one.get("cluster")),
        "parname": _word(one.get("parent_account")),
        "defacct": account if one.get("is_default") else "",
    }


def _objects(rows: Any) -> Iterable[Mapping[str, Any]]:
    return rows or ()


def _word(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value:
        raise TypeError(value)
    return value
