"""What `paydown` does as a process: it starts without heavy libraries, and ends quietly when its reader goes away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("pyarrow", "duckdb", "deltalake", "numpy", "altair", "vl_convert", "rich", "pydantic", "obstore", "fsspec")
LAZY = """
import sys
from paydown.surfaces.cli.main import run
code = run({arguments!r})
loaded = [name for name in sys.modules if name.split(".")[0] in {heavy!r}
          or name.startswith(("paydown.connectors", "paydown.reports", "paydown.store", "paydown.ledger"))]
assert not loaded, loaded
sys.exit(code)
"""


def python(text: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("arguments", [["--help"], ["ingest", "--help"], ["store", "--help"], ["--version"], ["dept"]])
def test_help_and_misspelt_verbs_import_nothing_heavy(arguments):
    ran = python(LAZY.format(arguments=arguments, heavy=HEAVY))
    assert "AssertionError" not in ran.stderr, ran.stderr
    assert ran.returncode == (2 if arguments == ["dept"] else 0)


def test_completing_a_verb_imports_nothing_heavy():
    ran = python(
        LAZY.format(arguments=[], heavy=HEAVY),
        _PAYDOWN_COMPLETE="bash_complete",
        COMP_WORDS="paydown in",
        COMP_CWORD="1",
    )
    assert "ingest" in ran.stdout
    assert "AssertionError" not in ran.stderr


def test_every_verb_has_one_line_of_help():
    ran = python("from paydown.surfaces.cli.main import *; print(*(v.name + '=' + v.help for v in "
                 "[*verbs().values(), *reports().values()]), sep='\\n')")  # fmt: skip
    told = dict(line.split("=", 1) for line in ran.stdout.splitlines())
    assert {"ingest", "post", "check", "store", "doctor", "demo", "completion", "debt", "timeline"} <= set(told)
    assert all(text.endswith((".", "?")) for text in told.values()), told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(shell):
    ran = python(f"from paydown.surfaces.cli.main import run; run(['completion', '{shell}'])")
    assert "_PAYDOWN_COMPLETE" in ran.stdout


CHATTY = """
import sys
import click
from paydown.surfaces.cli import main
from paydown.surfaces.cli.groups import LazyGroup
def talk():
    for _ in range(200_000):
        sys.stdout.buffer.write(b"a line that fills the pipe\\n")
main.root = lambda: LazyGroup("paydown", commands=[click.Command("talk", callback=talk)])
sys.exit(main.run(["talk"]))
"""


def test_a_reader_that_goes_away_is_no_error():
    with subprocess.Popen([sys.executable, "-c", CHATTY], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def test_an_interrupt_is_told_in_a_word():
    ran = python("import sys; from paydown.surfaces.cli.failures import guarded\n"
                 "def work(): raise KeyboardInterrupt\nsys.exit(guarded(work))")  # fmt: skip
    assert (ran.returncode, ran.stderr) == (130, "paydown: Interrupted.\n")


def test_a_defect_is_a_sentence_with_a_file_that_holds_the_traceback(tmp_path: Path):
    text = ("import sys; from paydown.surfaces.cli.failures import guarded\n"
            "def work(): raise ZeroDivisionError('x\\x1b[31m')\nsys.exit(guarded(work))")  # fmt: skip
    ran = python(text, XDG_STATE_HOME=str(tmp_path), HOME=str(tmp_path))
    assert ran.returncode == 70
    assert "Traceback" not in ran.stderr
    (file,) = tmp_path.rglob("defect-*.log")
    assert str(file) in ran.stderr
    assert "ZeroDivisionError" in file.read_text()


def test_a_defect_is_told_even_where_no_log_can_be_written(tmp_path: Path):
    text = "import sys; from paydown.surfaces.cli import failures\nfailures._folders = lambda: ()\ndef work(): raise ValueError\nsys.exit(failures.guarded(work))"  # noqa: E501
    ran = python(text)
    assert (ran.returncode, "defect of Paydown (ValueError)" in ran.stderr) == (70, True)
