"""What kind of file system a store lies on: on shared ones a lock of the kernel cannot be relied on."""

from __future__ import annotations

import os
import re
from pathlib import Path

LOCAL = frozenset({
    "bcachefs", "btrfs", "erofs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "ramfs", "reiserfs", "tmpfs", "ufs",
    "xfs", "zfs",
})  # fmt: skip
"""File systems of one machine, where flock(2) holds and a kill releases it.

Every other one (nfs, nfs4, lustre, gpfs, beegfs, ceph, cifs, 9p, fuse.*, ...) is taken for shared. flock(2), Notes:
on NFS it is emulated by byte-range locks of the server; on Lustre it needs a mount option and is local otherwise.
"""

MOUNTS = Path("/proc/self/mountinfo")

_ESCAPE = re.compile(r"\\([0-7]{3})")


def kind(path: str, mounts: str | None = None) -> str:
    """Give the type of the file system that holds a path (`ext4`, `nfs4`), empty where it cannot be told.

    `mounts` is text in the form of proc_pid_mountinfo(5); default: this process's own.
    """
    if mounts is None:
        try:
            mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
    place = os.path.realpath(path)
    best, found = -1, ""
    for line in mounts.splitlines():
        point, sort = _mount(line)
        if point is not None and len(point) >= best and _holds(point, place):
            best, found = len(point), sort
    return found


def _mount(line: str) -> tuple[str | None, str]:
    """Read one line: the mount point (fifth field) and the type (first field after the lone dash)."""
    before, dash, after = line.partition(" - ")
    fields = before.split()
    if not dash or len(fields) < 5 or not after.split():  # noqa: PLR2004 (fields of mountinfo)
        return None, ""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), fields[4]), after.split()[0]


def _holds(point: str, place: str) -> bool:
    return point in {"/", place} or place.startswith(point.rstrip("/") + "/")


def shared(sort: str) -> bool:
    """Tell whether a file system of this type may be written by several machines."""
    return sort not in LOCAL
