"""Whatever is done to a dump: nodes, rejects or a sentence come out, never anything else."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paydown.connectors.interface import Context
from paydown.connectors.slurm_nodes import CONNECTOR, SlurmNodesSettings
from paydown.errors import InputError
from paydown.model.facts import FACTS
from paydown.model.rows import normalise

DUMPS = Path(__file__).parents[2] / "dumps" / "slurm_nodes" / "24.11.5"
FILES = sorted(path for path in DUMPS.iterdir() if path.name != "sacct.txt")
ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just([]) | st.just({})


def look(folder, data):
    """Read bytes as a dump; every row must be believed or rejected."""
    path = folder / "dump"
    path.write_bytes(data)
    try:
        items = list(
            CONNECTOR.read(SlurmNodesSettings(files=(str(path),), at_ms=1_800_000_000_000), Context(cluster="lab"))
        )
    except InputError:
        return
    for item in items:
        if hasattr(item, "rows"):
            normalise(FACTS[item.table], item.rows, item.origin)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_cut_off_and_flipped(path, tmp_path):
    whole = path.read_bytes()

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.integers(0, len(whole)), st.lists(st.tuples(st.integers(0, len(whole) - 1), st.integers(0, 255)), max_size=5)
    )
    def run(cut, flips):
        data = bytearray(whole)
        for at, byte in flips:
            data[at] = byte
        look(tmp_path, bytes(data[:cut]))

    run()


def places(value, at=()):
    """Give the path to every value inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*at, key)
        yield from places(one, (*at, key))


@pytest.mark.parametrize("name", ["scontrol-show-nodes.json", "sinfo.json"])
def test_json_with_anything_in_any_place(name, tmp_path):
    text = (DUMPS / name).read_text()
    every = list(places(json.loads(text)))

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from(every), ANYTHING)
    def run(place, value):
        changed = json.loads(text)
        inner = changed
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
        look(tmp_path, json.dumps(changed).encode())

    run()
