"""The checks of `make lint` find what they are there for: each fault is planted in a copy, and seen."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
ARGUMENTS = {"vulture": [], "interrogate": ["src/paydown"], "tools/sizes.py": ["src"]}

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(tmp_path):
    """Give a copy of what the checks read."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tools", "benchmarks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(folder, command):
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(folder / "src")}
    )
    return done.returncode, done.stdout + done.stderr


FORBIDDEN = {
    "Imports go one way": ("model/units.py", "import paydown.store"),
    "Connectors do not know each other": ("connectors/facts.py", "import paydown.connectors.openb"),
    "Surfaces do not know each other": ("surfaces/values.py", "import paydown.surfaces.cli"),
    "Only the store speaks DuckDB, Delta Lake and S3": ("reports/interface.py", "import duckdb"),
    "Only the edges touch the world": ("ledger/settings.py", "import socket"),
}


@pytest.mark.parametrize("contract", FORBIDDEN)
def test_a_forbidden_import_breaks_its_contract(copy, contract):
    file, statement = FORBIDDEN[contract]
    before, _ = run(copy, [BIN / "lint-imports", "--no-logo"])
    path = copy / "src/paydown" / file
    path.write_text(f"{path.read_text()}\n{statement}\n")
    code, output = run(copy, [BIN / "lint-imports", "--no-logo"])
    assert before == 0
    assert code == 1
    assert f"{contract} BROKEN" in output


def test_a_module_of_no_layer_breaks_the_contract(copy):
    (copy / "src/paydown/helpers.py").write_text('"""Belongs nowhere."""\n')
    code, output = run(copy, [BIN / "lint-imports", "--no-logo"])
    assert code == 1
    assert "helpers" in output


FAULTS = {
    "vulture": "def nobody_calls_me() -> None:\n    'Do nothing.'\n",
    "interrogate": "def nobody_describes_me() -> None: ...\n",
    "tools/sizes.py": "def too_long() -> None:\n" + "    print()\n" * 81,
}


@pytest.mark.parametrize("check", FAULTS)
def test_a_planted_fault_is_found(copy, check):
    tool = [sys.executable, check] if check.endswith(".py") else [BIN / check]
    _, before = run(copy, [*tool, *ARGUMENTS[check]])
    (copy / "src/paydown/fault.py").write_text('"""A fault."""\n\n' + FAULTS[check])
    code, output = run(copy, [*tool, *ARGUMENTS[check]])
    assert "fault.py" not in before
    assert code != 0
    assert "fault.py" in output
