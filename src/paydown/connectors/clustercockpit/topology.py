"""The devices of clusters: cluster.json of ClusterCockpit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from paydown.errors import InputError


@dataclass(frozen=True)
class Devices:
    """The indexes of devices by PCI address, for each (cluster, subcluster)."""

    index: Mapping[tuple[str, str], Mapping[str, str]]

    def name(self, cluster: str, subcluster: str, address: str) -> str:
        """Give a device's index where the topology knows it, else its address."""
        return self.index.get((cluster, subcluster), {}).get(address.upper(), address)


def topology(given: tuple[Path, ...], database: Path) -> Devices:
    """Read the device indexes: an accelerator's place in its subcluster's list."""
    beside = database.with_name("cluster.json")
    files = given or ((beside,) if beside.is_file() else ())
    index: dict[tuple[str, str], dict[str, str]] = {}
    for file in files:
        try:
            cluster = json.loads(file.read_text(encoding="utf-8"))
            for sub in cluster["subClusters"]:
                found = sub["topology"].get("accelerators") or []
                index[cluster["name"], sub["name"]] = {str(a["id"]).upper(): str(at) for at, a in enumerate(found)}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{file} cannot be read as a cluster.json of ClusterCockpit: {error}") from error
    return Devices(index)
