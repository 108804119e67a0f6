"""Slurm's words: what is written is read again."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paydown.model.slurm import (
    Memory,
    array_tasks,
    format_duration,
    format_memory,
    format_tres,
    gpu_milli,
    mig_milli,
    parse_duration,
    parse_memory,
    parse_tres,
)


@given(st.integers(0, 10**13))
def test_durations_go_there_and_back(ms):
    assert parse_duration(format_duration(ms)) == ms


@given(st.integers(0, 10**17), st.sampled_from(["", "n", "c"]))
def test_memory_goes_there_and_back(amount, per):
    memory = Memory(Fraction(amount), per)
    assert parse_memory(format_memory(memory)) == memory


names = st.from_regex(r"[a-z]{1,6}(/[a-z]{1,4}(:[a-z0-9.]{1,6})?)?", fullmatch=True)


@given(st.dictionaries(names, st.from_regex(r"[0-9]{1,6}[KMGT]?", fullmatch=True)))
def test_tres_goes_there_and_back(tres):
    assert parse_tres(format_tres(tres)) == tres


@given(st.dictionaries(st.sampled_from(["a100", "v100", "h100"]), st.integers(0, 16)))
def test_typed_and_untyped_gpus_are_the_same_devices(typed):
    tres = {f"gres/gpu:{name}": str(count) for name, count in typed.items()}
    total = 1_000 * sum(typed.values())
    assert gpu_milli(tres) == gpu_milli(tres | {"gres/gpu": str(sum(typed.values()))}) == total


@pytest.mark.parametrize("profile", ["1g.10gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb", "1g.6gb", "4g.24gb"])
def test_slices_of_one_gpu_never_exceed_it(profile):
    most = {"1g.6gb": 4, "4g.24gb": 1}.get(profile, 7 // int(profile[0]))
    assert 0 < most * mig_milli(profile) <= 1_000


@pytest.mark.parametrize("text", ["", "x", "1:2:3:4", "-1:00", "UNLIMITED", "1-"])
def test_what_is_no_duration(text):
    assert parse_duration(text) is None


@pytest.mark.parametrize("text", ["", "G", "1.G", "-1G", "12X", "1Gx"])
def test_what_is_no_memory(text):
    assert parse_memory(text) is None


def test_tasks_of_an_array():
    assert array_tasks("0-20:10,30%4", 100) == ([0, 10, 20, 30], 0)
    assert array_tasks("1,...", 100) == ([1], -1)
    assert array_tasks("0-4000000", 10) == (list(range(10)), 3_999_991)
