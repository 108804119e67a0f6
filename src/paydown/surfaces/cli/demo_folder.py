"""The folder of a demonstration: made, and made again only where it is one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from paydown.errors import UsageError

MARKER = "this-is-a-paydown-demo"
"""The file that marks a folder as a demonstration's, which may be emptied."""


@dataclass(frozen=True)
class DemoFolder:
    """A folder that holds a demonstration and nothing else."""

    place: Path

    @property
    def store(self) -> Path:
        """Its store."""
        return self.place / "store"

    @property
    def page(self) -> Path:
        """Its page."""
        return self.place / "paydown-demo.html"

    def renew(self) -> None:
        """Make it anew; a folder with anything else in it is left alone."""
        marker = self.place / MARKER
        if self.place.exists() and not marker.is_file() and (not self.place.is_dir() or any(self.place.iterdir())):
            raise UsageError(f"{self.place} is not a demo's folder and not empty; name another with --folder.")
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            marker.touch()
            if self.store.exists():
                shutil.rmtree(self.store)
            self.page.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"{self.place} cannot be written: {error.strerror}; name another with --folder.") from None
