"""Every connector of ours passes the conformance suite on a sample of its own.

A connector's sample is `make(folder)` in `tests/connectors/<connector>/sample.py`: it writes the sample there and gives
the settings that read it.
"""

from pathlib import Path

import pytest

from paydown import plugins
from paydown.connectors.interface import Context
from paydown.errors import InputError
from paydown.testing import check_connector

PACKAGES = ("paydown.connectors", "paydown.connectors.traces")
FOUND = [plugins.discover(package, "CONNECTOR") for package in PACKAGES]
CONNECTORS = {name: value for found in FOUND for name, value in found.values.items()}


@pytest.fixture(params=sorted(CONNECTORS))
def connector(request):
    return CONNECTORS[request.param]


@pytest.fixture
def settings(connector, sample_of, tmp_path):
    module = sample_of(connector.name)
    assert module is not None, f"{connector.name} has no sample: tests/connectors/{connector.name}/sample.py"
    return module.make(tmp_path)


def test_every_connector_can_be_loaded():
    assert [warning for found in FOUND for warning in found.warnings] == []
    assert {"clustercockpit", "facts", "openb"} <= CONNECTORS.keys()


def test_conformance(connector, settings):
    found = check_connector(connector, settings)
    filled = {name for name, rows in found.tables.items() if len(rows)}
    if len(connector.tables) < 10:  # the formats that can hold every table need not show all of them
        assert filled == set(connector.tables), "the sample does not show all that the connector fills"


def test_the_cluster_can_be_named(connector, settings):
    if connector.name == "clustercockpit":
        settings = {**settings, "only": ("gpuland",)}  # several clusters cannot have one name
    found = check_connector(connector, settings, Context(cluster="named-by-the-user"))
    people = found.tables.get("identities")
    named = set(people["cluster"].to_pylist()) if people is not None and not found.clusters() else found.clusters()
    assert named == {"named-by-the-user"}


def test_the_name_is_that_of_the_module(connector):
    modules = {name for package in PACKAGES for name in plugins.names(package)}
    assert connector.name.replace("-", "_") in modules


def test_a_source_that_is_not_there_is_a_sentence(connector, settings, tmp_path):
    gone = {name: away(value, tmp_path / "gone" / "away") for name, value in settings.items()}
    if gone == settings:
        pytest.skip(f"{connector.name} reads no file")
    with pytest.raises(InputError, match="gone"):
        list(connector.read(connector.settings(**gone), Context()))


def away(value, gone):
    """Give a path, or a tuple of one, that leads nowhere; anything else as it is."""
    if isinstance(value, tuple):
        return tuple(away(part, gone) for part in value)
    return type(value)(gone) if isinstance(value, str | Path) and Path(value).exists() else value
