"""A source in a package of its own: installed as a user would, found by its entry point, in the suite, and broken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "paydown-racks"
ASSETS = "host,rack,gpus,since\ngpu01,r1,8,2026-01-01T00:00:00Z\n,r1,8,2026-01-01T00:00:00Z\n"


def installed(package, site):
    """Install a package into a folder, without the network: its build back end is uv's own."""
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "pip", "install", "--offline", "--no-cache", "--no-deps", "--target", site, package]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return site


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Give a folder in which the example is installed."""
    copy = tmp_path_factory.mktemp("example") / "paydown-racks"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return installed(copy, tmp_path_factory.mktemp("site"))


@pytest.fixture
def run(tmp_path):
    """Run a command of this environment beside the packages of some folders."""

    def command(*words, sites=()):
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("PAYDOWN_", "XDG_"))}
        own = {
            "HOME": str(tmp_path),
            "PAYDOWN_STORE": str(tmp_path / "store"),
            "PYTHONPATH": os.pathsep.join(map(str, sites)),
        }
        return subprocess.run(
            list(map(str, words)),
            cwd=tmp_path,
            env={**plain, **own, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )

    return command


def test_it_passes_the_conformance_suite_where_it_is_installed(run, site):
    done = run(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        EXAMPLE / "tests",
        sites=[site],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_it_is_found_by_its_entry_point_and_ingested(run, site, tmp_path):
    (tmp_path / "assets.csv").write_text(ASSETS)
    assert "racks" in run("paydown", "ingest", "--help", sites=[site]).stdout
    done = run("paydown", "ingest", "racks", "assets.csv", "--cluster", "lab", sites=[site])
    assert done.returncode == 0, done.stderr
    assert "nodes: 1 row (1 new)" in done.stdout
    assert "1 reject: 1 bad-key" in done.stdout
    assert "racks" in run("paydown", "coverage", "--cluster", "lab", sites=[site]).stdout


def test_its_errors_are_sentences(run, site):
    done = run("paydown", "ingest", "racks", "nothing.csv", "--cluster", "lab", sites=[site])
    assert done.returncode == 3
    assert "nothing.csv: cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def broken(tmp_path):
    """Give a folder with a plug-in that cannot be imported."""
    copy = tmp_path / "broken"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    module = copy / "src" / "paydown_racks" / "__init__.py"
    module.write_text("import a_module_that_nobody_has\n" + module.read_text())
    return installed(copy, tmp_path / "broken-site")


def test_a_broken_one_is_a_warning_and_the_others_go_on(run, broken, tmp_path):
    (tmp_path / "facts").mkdir()
    head = "cluster,node,partitions,gpus,start"
    (tmp_path / "facts" / "nodes.csv").write_text(f"{head}\nlab,n1,gpu,4,2026-01-01T00:00:00Z\n")
    done = run("paydown", "ingest", "facts", "facts", sites=[broken])
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    asked = run("paydown", "ingest", "racks", "assets.csv", "--cluster", "lab", sites=[broken])
    assert asked.returncode != 0
    assert "plug-in racks (paydown_racks:CONNECTOR) cannot be loaded: ModuleNotFoundError" in asked.stderr
    assert "Traceback" not in asked.stdout + asked.stderr
    doctor = run("paydown", "doctor", sites=[broken])
    assert "racks" in doctor.stdout + doctor.stderr
