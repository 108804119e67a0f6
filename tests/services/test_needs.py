"""Where services cannot run, tests are skipped with a sentence; where they must run, they fail."""

import os

import pytest
from _pytest.outcomes import Failed, Skipped
from tests.services.running import need, take


@pytest.mark.parametrize(
    ("said", "ci", "outcome", "sentence"),
    [
        (None, None, Skipped, "no-such-program missing: run tests/services/install"),
        (None, "true", Failed, "no-such-program missing: run tests/services/install"),
        ("required", None, Failed, "no-such-program missing: run tests/services/install"),
        ("off", "true", Skipped, "no services are started"),
    ],
)
def test_what_is_missing_skips_or_fails(monkeypatch, said, ci, outcome, sentence):
    for name, value in (("PAYDOWN_SERVICES", said), ("CI", ci)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(outcome, match=sentence):
        need("sh", "no-such-program")


def test_what_is_there_is_enough(monkeypatch):
    monkeypatch.setenv("PAYDOWN_SERVICES", "required")
    need("sh")


def test_two_at_once_have_folders_and_ports_of_their_own():
    one, two = take(), take()
    assert one.folder != two.folder
    assert abs(one.port - two.port) >= 400
    os.close(one.lock)
    os.close(two.lock)
