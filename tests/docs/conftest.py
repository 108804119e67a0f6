"""The generator of the documentation, loaded from `tools`, and the pages."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def docs():
    sys.path.insert(0, str(ROOT / "tools"))
    return importlib.import_module("docs")


@pytest.fixture(scope="session")
def root():
    return ROOT
