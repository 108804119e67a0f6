"""Every misuse is one sentence that says how to mend it, with the exit code that is documented."""

from __future__ import annotations

import pytest

from paydown import errors
from paydown.surfaces.cli import exit_codes
from paydown.surfaces.cli.main import run


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tres", "gpuu"], "did you mean gpu?"),
        (["--tres", "gpu,cpuu"], "'cpuu' is none of them"),
        (["--format", "jsn"], "did you mean json?"),
        (["--formt", "json"], "--format"),
        (["--limit", "-1"], "--limit must be greater than or equal to 0."),
        (["--limit", "many"], "--limit must be a valid integer"),
        (["--from", "yestrday"], "did you mean yesterday?"),
        (["--from", "2024-05-02", "--to", "2024-05-01"], "The window is empty: --from is 2024-05-02T00:00:00Z"),
        (["--from", "last-month", "--to", "last-month"], "The window is empty"),
        (["--timezone", "Europe/Berln"], "did you mean Europe/Berlin?"),
    ],
)
def test_usage_errors_exit_2_and_suggest(run_report, arguments, told):
    ran = run_report(*arguments)
    assert ran.code == 2
    assert told in ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err


def test_misspelt_verbs_and_sources_suggest(capfd):
    assert run(["dept"]) == 2
    assert "Did you mean debt" in capfd.readouterr().err
    assert run(["ingest", "facst"]) == 2
    assert "Did you mean facts" in capfd.readouterr().err
    assert run(["xyzzy\x1b[31m"]) == 2
    said = capfd.readouterr().err
    assert "There are: " in said
    assert "\x1b" not in said


@pytest.mark.parametrize("kind", [k for k in vars(errors).values() if isinstance(k, type)])
def test_every_error_is_one_sentence_with_its_exit_code(run_report, fake, kind):
    def fail(_, __):
        raise kind("What went wrong, where, and how to mend it.")

    ran = run_report(report=fake.report_of(fail))
    assert (ran.code, ran.err) == (kind.exit_code, "paydown: What went wrong, where, and how to mend it.\n")
    assert kind.exit_code in exit_codes.table()


def test_control_characters_in_an_error_reach_no_terminal(run_report, fake):
    def fail(_, __):
        raise errors.InputError("bad \x1b]0;title\x07 name")

    assert run_report(report=fake.report_of(fail)).err == "paydown: bad \\x1b]0;title\\x07 name\n"


def test_the_exit_codes_are_told_apart():
    table = exit_codes.table()
    assert list(table) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 70, 130, 141]
    assert all(table.values())


def test_an_error_of_another_module_changes_no_meaning():
    before = exit_codes.table()

    class StallError(errors.SourceError):
        """Something else."""

    assert exit_codes.table() == before
    assert StallError.exit_code == 8


def test_a_store_that_is_not_there_is_exit_4(tmp_path, capfd):
    for place in (["--store", str(tmp_path / "no"), "debt"], ["debt", "--store", str(tmp_path / "no")]):
        assert run(place) == 4
        said = capfd.readouterr()
        assert said.out == ""
        assert str(tmp_path / "no") in said.err
    assert not list(tmp_path.iterdir())


def test_a_configuration_that_is_wrong_is_exit_2(tmp_path, capfd):
    file = tmp_path / "c.toml"
    file.write_text("stor = 1")
    assert run(["--config", str(file), "debt"]) == 2
    assert "did you mean store?" in capfd.readouterr().err


def test_a_moment_and_a_window_are_refused_in_a_sentence(capfd):
    code = run(["debt", "--at", "2024-01-01", "--to", "2024-01-02"])
    assert code == 2
    assert capfd.readouterr().err.startswith("paydown: A moment (--at) and a window")
