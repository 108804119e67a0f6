"""Whatever is done to a list of people: rows, rejects or a sentence come out, never anything else."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paydown.connectors.identities import CONNECTOR, IdentitiesSettings
from paydown.connectors.interface import Context
from paydown.errors import InputError
from paydown.model.facts import FACTS
from paydown.model.rows import normalise

from . import sample

DUMPS = Path(__file__).parents[2] / "dumps" / "identities" / "24.11.5"
WHOLE = {path.name: path.read_bytes() for path in sorted(DUMPS.iterdir())} | {"people.csv": sample.PEOPLE.encode()}
ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just([]) | st.just({})


def look(folder, data):
    """Read bytes as a list of people; every row must be believed or rejected."""
    path = folder / "file"
    path.write_bytes(data)
    try:
        items = list(CONNECTOR.read(IdentitiesSettings(files=(str(path),)), Context()))
    except InputError:
        return
    for item in items:
        if hasattr(item, "rows"):
            normalise(FACTS[item.table], item.rows, item.origin)


@pytest.mark.parametrize("name", WHOLE)
def test_cut_off_and_flipped(name, tmp_path):
    whole = WHOLE[name]

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


@pytest.mark.parametrize("name", ["sacctmgr-show-user-withassoc.json"])
def test_json_with_anything_in_any_place(name, tmp_path):
    every = list(places(json.loads(WHOLE[name])))

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from(every), ANYTHING)
    def run(place, value):
        changed = json.loads(WHOLE[name])
        inner = changed
        for key in place[:-1]:
            inner = inner[key]
        inner[place[-1]] = value
        look(tmp_path, json.dumps(changed).encode())

    run()


def places(value, at=()):
    """Give the path to every value inside a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*at, key)
        yield from places(one, (*at, key))
