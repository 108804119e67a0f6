"""Real services as fixtures for any test: `slurm`, `newer_slurm`, `prometheus`, started when first asked for.

`tests/conftest.py` hands them on, and puts all tests that use one in one process, so that each runs once.
"""

import pytest
from tests.services.prometheus import scraping
from tests.services.slurm import newer, this_machines

SERVICES = frozenset({"slurm", "newer_slurm", "either_slurm", "prometheus"})


@pytest.fixture(scope="session")
def slurm():
    """Give a running cluster of this machine's Slurm (22.05 on Debian 12)."""
    with this_machines() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def newer_slurm():
    """Give a running cluster of Slurm 24.11."""
    with newer() as cluster:
        yield cluster


@pytest.fixture(scope="session", params=["slurm", "newer_slurm"])
def either_slurm(request):
    """Give one running cluster after the other: the test runs once with each."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def prometheus():
    """Give a running Prometheus."""
    with scraping() as server:
        yield server
