"""The file system through which DuckDB reads objects: obstore's, told once what a file is, since none ever changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obstore.fsspec import FsspecStore

if TYPE_CHECKING:
    from datetime import datetime


class Mounted(FsspecStore):
    """Objects as files that are never written again."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._known: dict[str, dict[str, Any]] = {}

    async def _info(self, path: str, **options: Any) -> dict[str, Any]:
        if path not in self._known:
            self._known[path] = await super()._info(path, **options)
        return self._known[path]

    def modified(self, path: str) -> datetime:
        """Give when a file was written."""
        moment: datetime = self.info(path)["last_modified"]
        return moment
