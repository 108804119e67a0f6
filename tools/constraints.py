"""Print the versions that uv.lock pins as constraints for pip: `python tools/constraints.py > constraints.txt`.

A package that the lock pins to several versions (for several Pythons or systems) is left to pip.
Needs nothing but Python, so that `make setup` works where there is no uv.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

LOCK = Path(__file__).parent.parent / "uv.lock"


def constraints(lock: Path = LOCK) -> list[str]:
    """Give `name==version` for each package from an index that is pinned exactly once."""
    packages = [p for p in tomllib.loads(lock.read_text())["package"] if "registry" in p["source"]]
    times = Counter(p["name"] for p in packages)
    return [f"{p['name']}=={p['version']}" for p in packages if times[p["name"]] == 1]


if __name__ == "__main__":
    print("\n".join(constraints()))
