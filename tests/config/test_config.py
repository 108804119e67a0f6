"""Where settings come from, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from paydown import config
from paydown.errors import UsageError
from paydown.ledger.settings import LedgerSettings


@pytest.fixture(autouse=True)
def _nobody_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "usual_file", lambda: tmp_path / "home" / "config.toml")


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "some.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_no_file_is_fine() -> None:
    assert config.load(environment={}) == config.Settings()
    assert config.Settings().ledger == LedgerSettings()


def test_order_of_search(tmp_path: Path) -> None:
    usual = tmp_path / "home" / "config.toml"
    usual.parent.mkdir()
    usual.write_text("limit = 1")
    variable = tmp_path / "variable.toml"
    variable.write_text("limit = 2")
    environment = {config.CONFIG_VARIABLE: str(variable)}
    assert config.load(environment={}).limit == 1
    assert config.load(environment=environment).limit == 2
    assert config.load(written(tmp_path, "limit = 3"), environment).limit == 3


def test_the_environment_s_store_is_stronger_than_the_file_s(tmp_path: Path) -> None:
    file = written(tmp_path, 'store = "facts"')
    assert config.load(file, {}).store == str(tmp_path / "facts")
    assert config.load(file, {config.STORE_VARIABLE: "/else"}).store == "/else"
    assert config.load(written(tmp_path, 'store = "s3://bucket/facts"'), {}).store == "s3://bucket/facts"


def test_ledger_settings_are_read(tmp_path: Path) -> None:
    file = written(tmp_path, '[ledger]\ninactive_ratio = 0.05\ngpu_signals = ["sm_active"]')
    assert config.load(file, {}).ledger == LedgerSettings(inactive_ratio=0.05, gpu_signals=("sm_active",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("stor = 'x'", "stor is not known; did you mean store?"),
        ("[ledger]\ninactive_ration = 1", "ledger.inactive_ration is not known; did you mean inactive_ratio?"),
        (
            "zzz = 1",
            "zzz is not known; known are collect, format, ledger, limit, processes, pseudonyms, sources, store, time",
        ),
        ("limit = -1", "limit must be greater than or equal to 0."),
        ("timezone = 'Europe/Berln'", "did you mean Europe/Berlin?"),
        ("format = 'xml'", "format must be 'table', 'json', 'csv', 'parquet', 'markdown' or 'html'."),
        ("limit = [", "is not TOML"),
        ("[store]\na = 1", "store must be a valid string."),
        ("ledger = 3", "ledger must be a valid dictionary"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(tmp_path: Path, text: str, told: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        config.load(file, {})
    assert told in str(caught.value)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value).replace("limit = [", "")


def test_a_named_file_must_exist_and_be_readable(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no configuration file"):
        config.load(tmp_path / "none.toml", {})
    with pytest.raises(UsageError, match="cannot be read"):
        config.load(tmp_path, {})
    file = tmp_path / "latin.toml"
    file.write_bytes(b"store = 'caf\xe9'")
    with pytest.raises(UsageError, match="cannot be read"):
        config.load(file, {})


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        config.Settings().limit = 3  # type: ignore[misc]
