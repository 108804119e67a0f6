"""Who is who: user names, names, addresses, teams and departments from CSV or from Slurm's accounts.

docs/connectors/identities.md says what is read, and which of several sayings counts.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from paydown.connectors.identities.recipes import RECIPES
from paydown.connectors.identities.rows import Known, batches
from paydown.connectors.identities.sacctmgr import Accounts, is_sacctmgr, take_json, take_text
from paydown.connectors.identities.said import Said
from paydown.connectors.identities.settings import IdentitiesSettings
from paydown.connectors.identities.table import Csv
from paydown.connectors.interface import Connector, Context, Item
from paydown.errors import InputError
from paydown.model.batch import Reject
from paydown.model.delimited import Source, read_whole

MOST_BYTES = 1 << 28
"""The largest file that is read, unpacked."""


def read(settings: IdentitiesSettings, context: Context) -> Iterator[Item]:
    """Yield the people of the files; they vouch for no time of a cluster."""
    accounts = Accounts()
    told: list[Said] = []
    rejects: list[Reject] = []
    for done, path in enumerate(settings.files):
        context.progress(path, done / len(settings.files))
        told += _file(path, settings, ZoneInfo(context.timezone), accounts, rejects)
    told += accounts.said(settings.team_from, settings.department_from)
    if not told and not rejects:
        raise InputError(
            f"{', '.join(settings.files)}: names no user: dump users or associations, or write a CSV file."
        )
    if accounts.undecided:
        detail = f"{accounts.undecided} users have several accounts and no default one: no team is theirs"
        rejects.append(Reject("identities", accounts.origin, None, "several-accounts", detail, "", accounts.undecided))
    known = Known.of(context.stored("identities", context.cluster or ""))
    yield from batches(told, known, context.cluster, settings.since_ms, rejects)
    yield from rejects


def _file(
    path: str, settings: IdentitiesSettings, zone: ZoneInfo, accounts: Accounts, rejects: list[Reject]
) -> list[Said]:
    """Read one file; users of Slurm are gathered in `accounts`."""
    data = read_whole(path, MOST_BYTES)
    if data[:4096].lstrip()[:1] in {b"{", b"["}:
        take_json(accounts, data, path)
        return []
    head, lines = _head(data)
    if head is None:
        raise InputError(f"{path}: the file is empty; its first line must name the columns.")
    if is_sacctmgr(head):
        lines_read = take_text(accounts, data.decode(errors="replace"), path)
        rejects += [Reject("identities", path, line, reason, detail, "") for line, reason, detail in lines_read]
        return []
    rest = data.split(b"\n", lines)[lines] if data.count(b"\n") >= lines else b""
    found = Csv(Source(path, io.BytesIO(), head.encode(errors="surrogateescape"), rest, lines), settings, zone)
    told = list(found.read())
    rejects += found.rejects
    return told


def _head(data: bytes) -> tuple[str | None, int]:
    """Give the first line that is not blank, and how many lines that takes."""
    for number, line in enumerate(data[: 1 << 20].split(b"\n"), 1):
        if line.strip():
            return line.rstrip(b"\r").decode(errors="surrogateescape"), number
    return None, 0


CONNECTOR = Connector(
    name="identities",
    summary="Who is who: names, teams and departments from CSV or from Slurm's sacctmgr.",
    settings=IdentitiesSettings,
    supports=(),
    tables=("identities",),
    read=read,
    recipes=RECIPES,
)
"""The connector."""
