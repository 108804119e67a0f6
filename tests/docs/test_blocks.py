"""The blocks of the documentation run: `console` blocks page by page in a folder of their own, and `python` blocks.

In a console block `$ ` begins a command, `> ` continues it, and other lines are output that must appear in this order,
`...` standing for anything. A block that is not to be run is a `sh` block; its make targets must exist.
"""

import os
import re
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SECONDS = 300


def blocks(page, language):
    return [text for kind, text in BLOCK.findall(page.read_text()) if kind == language]


def having(language):
    pages = [page for page in PAGES if blocks(page, language)]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages]


def commands(text):
    """Give (command, expected output lines) of a console block."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append(([line[2:]], []))
        elif line.startswith("> "):
            found[-1][0].append(line[2:])
        else:
            found[-1][1].append(line)
    return [("\n".join(command), expected) for command, expected in found]


@pytest.fixture
def environment(tmp_path):
    """Give an environment whose store, settings and home are the test's own, with stand-ins for foreign programs."""
    path = [str(Path(__file__).parent / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PAYDOWN_", "XDG_"))}
    own = {"HOME": str(tmp_path), "PAYDOWN_STORE": str(tmp_path / "store"), "NO_COLOR": "1"}
    return {**kept, **own, "PATH": os.pathsep.join(path)}


@pytest.mark.parametrize("page", having("console"))
def test_console_blocks_run(page, tmp_path, environment):
    pytest.importorskip("paydown.ledger.posting", reason="ingest cannot post yet")
    for command, expected in [pair for text in blocks(page, "console") for pair in commands(text)]:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{page.name}: `{command}` failed:\n{done.stdout}{done.stderr}"
        assert shows(done.stdout, expected), f"{page.name}: `{command}` printed\n{done.stdout}\nand not\n{expected}"


def shows(output, expected):
    """Tell whether the expected lines are among the output's, in their order."""
    rest = iter(output.splitlines())
    return all(any(fnmatchcase(line.rstrip(), pattern(wanted)) for line in rest) for wanted in expected)


def pattern(line):
    return re.sub(r"([*?\[])", r"[\1]", line.rstrip()).replace("...", "*")


@pytest.mark.parametrize("page", having("python"))
def test_python_blocks_run(page, tmp_path, environment):
    source = tmp_path / "block.py"
    for text in blocks(page, "python"):
        source.write_text(text)
        done = subprocess.run(
            [sys.executable, source],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{page.name}: a block failed:\n{done.stderr}"


@pytest.mark.parametrize("page", having("toml"))
def test_toml_blocks_are_toml(page):
    import tomllib

    for text in blocks(page, "toml"):
        tomllib.loads(text)


def test_the_settings_page_shows_settings_that_exist(tmp_path):
    from paydown.config import read

    for number, text in enumerate(blocks(ROOT / "docs/settings.md", "toml")):
        file = tmp_path / f"{number}.toml"
        file.write_text(text)
        read(file)


def test_make_targets_that_pages_name_exist():
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(), re.MULTILINE)}
    assert {"demo", "test"} <= named <= targets


def test_shows_wants_the_lines_in_their_order():
    assert shows("a 1\nb [2]\nc\n", ["a ...", "b [2]"])
    assert not shows("b\na\n", ["a", "b"])
