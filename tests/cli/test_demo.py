"""The demonstration keeps to a folder of its own."""

from __future__ import annotations

import pytest

from paydown.errors import UsageError
from paydown.surfaces.cli.demo_folder import MARKER, DemoFolder


def test_a_folder_is_made_and_made_again(tmp_path):
    folder = DemoFolder(tmp_path / "demo")
    folder.renew()
    folder.store.mkdir()
    (folder.store / "old").touch()
    folder.page.touch()
    (folder.place / "mine.txt").touch()
    folder.renew()
    assert sorted(file.name for file in folder.place.iterdir()) == ["mine.txt", MARKER]


@pytest.mark.parametrize("what", ["a file in it", "a file itself"])
def test_what_is_no_demo_is_left_alone(tmp_path, what):
    place = tmp_path / "work"
    if what == "a file in it":
        place.mkdir()
        (place / "store").mkdir()
        (place / "store" / "precious").touch()
    else:
        place.touch()
    with pytest.raises(UsageError, match="name another with --folder"):
        DemoFolder(place).renew()
    assert place.is_file() or (place / "store" / "precious").exists()


def test_an_empty_folder_will_do(tmp_path):
    DemoFolder(tmp_path).renew()
    assert (tmp_path / MARKER).exists()
