"""Small hand-made inputs of connectors: `tests/connectors/<connector>/sample.py` makes one."""

import importlib.util
import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DATA = Path(os.environ.get("PAYDOWN_DATA", HERE.parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def sample_of():
    """Give the `sample.py` module of a connector; None where it has none."""

    def load(name):
        path = HERE / name.replace("-", "_") / "sample.py"
        if not path.is_file():
            return None
        spec = importlib.util.spec_from_file_location(f"sample_of_{name}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def real_data():
    """Give a folder of real records by name; the test is skipped where it is missing."""

    def find(name):
        folder = DATA / name
        if not folder.is_dir():
            pytest.skip(f"the real records {folder} are missing (PAYDOWN_DATA names the folder that holds them)")
        return folder

    return find
