"""What a fresh clone is installed from: the lock file, its constraints for pip, the make targets, the version."""

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

import paydown

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def load(tool):
    spec = importlib.util.spec_from_file_location(tool, ROOT / f"tools/{tool}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def needed():
    """Give the names of all direct dependencies, extras and development tools included."""
    project = PROJECT["project"]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    return {re.split(r"[<>=\[; ]", text)[0].lower().replace("_", "-") for group in groups for text in group}


def test_the_lock_holds_every_dependency():
    locked = {package["name"] for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert needed() <= locked


def test_the_lock_names_public_hosts_only():
    hosts = set(re.findall(r"https?://([^/\"]+)", (ROOT / "uv.lock").read_text()))
    assert hosts == {"pypi.org", "files.pythonhosted.org"}


def test_constraints_pin_what_the_lock_pins_once(tmp_path):
    lock = tmp_path / "uv.lock"
    registry = 'source = { registry = "https://pypi.org/simple" }'
    pins = [("one", "1.0", registry), ("two", "1.0", registry), ("two", "2.0", registry)]
    own = '[[package]]\nname = "own"\nversion = "0"\nsource = { editable = "." }\n'
    lock.write_text(own + "".join(f'[[package]]\nname = "{n}"\nversion = "{v}"\n{s}\n' for n, v, s in pins))
    assert load("constraints").constraints(lock) == ["one==1.0"]


def test_make_alone_lists_every_target_on_a_line():
    printed = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = [line.split()[0] for line in printed.splitlines()]
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()
    assert listed == phony


def test_the_version_is_in_the_changelog_or_unreleased():
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert {"Unreleased", paydown.__version__} & set(headings)


def test_every_extra_is_explained_in_the_readme():
    readme = (ROOT / "README.md").read_text()
    for extra in PROJECT["project"]["optional-dependencies"]:
        assert f"| `{extra}` |" in readme
