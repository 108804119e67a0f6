"""Programs are asked without a shell, within limits, and every failure is a sentence."""

import os
import re
import time
from pathlib import Path

import pytest

from paydown.errors import SourceError, UsageError
from paydown.outside.commands import Commands, Limits, TooMuchError


def test_words_reach_the_program_as_they_are():
    asked = Commands()
    assert asked.text(["printf", "%s|", "a b", "$HOME", "'", "ü"]) == "a b|$HOME|'|ü|"
    assert asked.calls == 1


def test_ssh_gets_one_quoted_text_and_other_prefixes_get_words():
    assert Commands("ssh -o BatchMode=yes login1").words(["sacct", "-o", "a b;c"]) == [
        "ssh", "-o", "BatchMode=yes", "login1", "sacct -o 'a b;c'"
    ]  # fmt: skip
    assert Commands("sudo -u slurm").words(["sacct", "a b"]) == ["sudo", "-u", "slurm", "sacct", "a b"]
    assert Commands("env X=1").text(["printenv", "X"]) == "1\n"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["no-such-program-here"], "no-such-program-here cannot be run: No such file.*installed"),
        (["sh", "-c", "echo sorry >&2; exit 3"], "ended with 3: sorry"),
        (["sh", "-c", "exit 3"], "ended with 3: and says no more"),
        (["sh", "-c", "kill -9 $$"], "ended with -9"),
    ],
)
def test_what_goes_wrong_is_a_sentence(argv, told):
    with pytest.raises(SourceError, match=told):
        Commands().ask(argv)


def test_what_says_too_much_is_ended():
    with pytest.raises(TooMuchError, match="said more than 100,000 bytes"):
        Commands(limits=Limits(bytes=100_000)).ask(["yes"])


def test_what_takes_too_long_is_ended_with_all_that_it_started(tmp_path):
    mark = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(TooMuchError, match=r"took more than 0\.3 s"):
        Commands(limits=Limits(timeout_s=0.3)).ask(["sh", "-c", f"sleep 60 & echo $! > {mark}; wait"])
    assert time.monotonic() - began < 30
    child = int(mark.read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_an_environment_may_be_given():
    assert Commands(environment={**os.environ, "PAYDOWN_X": "7"}).text(["printenv", "PAYDOWN_X"]) == "7\n"


def test_a_prefix_that_is_none_is_an_error():
    with pytest.raises(UsageError, match="cannot be read"):
        Commands("ssh 'login")


def test_what_fails_and_ends_with_0_is_told_by_what_it_complains_of():
    asked, complaint = Commands(), re.compile(r"\b\w+: error:")
    fails = ["sh", "-c", "echo half; echo 'sacct: error: no database' >&2"]
    assert asked.text(fails) == "half\n"
    with pytest.raises(SourceError, match="failed: sacct: error: no database"):
        asked.text(fails, complaint=complaint)
    assert asked.text(["sh", "-c", "echo all; echo welcome >&2"], complaint=complaint) == "all\n"


def test_a_prefix_that_is_not_there_is_what_is_named():
    with pytest.raises(SourceError, match="no-such-prefix cannot be run"):
        Commands("no-such-prefix -x").text(["true"])
