"""What every test may use: real services, each once for a run of tests."""

import pytest
from tests.services.fixtures import SERVICES, either_slurm, newer_slurm, prometheus, slurm

__all__ = ["either_slurm", "newer_slurm", "prometheus", "slurm"]


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items):
    """Mark the tests that start real services, and let one process of several run them all."""
    for item in items:
        if not SERVICES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker("services")
            item.add_marker(pytest.mark.xdist_group("services"))
