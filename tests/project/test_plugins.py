"""What `paydown.plugins` finds, and what it makes of what is broken."""

import sys
from textwrap import dedent

import pytest

from paydown import plugins

GROUP = "paydown.testing.things"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Make a package of extensions from texts by module name and give its name."""

    def make(**modules):
        name = f"things_{tmp_path.name.replace('-', '_')}"
        folder = tmp_path / name
        folder.mkdir()
        for module, text in {"__init__": "", **modules}.items():
            (folder / f"{module}.py").write_text(dedent(text))
        monkeypatch.syspath_prepend(tmp_path)
        return name

    return make


@pytest.fixture
def points(tmp_path, monkeypatch):
    """Install a distribution that has these entry points."""

    def install(**values):
        folder = tmp_path / "site" / "others-1.0.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in values.items()]
        (folder / "entry_points.txt").write_text("\n".join([f"[{GROUP}]", *lines]))
        monkeypatch.syspath_prepend(folder.parent)

    return install


THING = """
class Thing:
    name = "{name}"
THING = Thing()
"""


def test_names_lists_modules_without_importing_them(package):
    name = package(one="raise SystemExit", two="", interface="", registry="", _private="")
    assert plugins.names(name) == ["one", "two"]
    assert not [module for module in sys.modules if module.startswith(f"{name}.")]


def test_discover_keeps_values_under_the_name_that_they_give_themselves(package):
    found = plugins.discover(package(a=THING.format(name="zebra"), b="THING = 7", part="NOTHING = 1"), "THING")
    assert list(found.values) == ["b", "zebra"]
    assert found.values["b"] == 7
    assert found.warnings == ()


def test_a_broken_module_is_a_named_warning_and_the_others_go_on(package):
    name = package(bad="import not_a_module_at_all", good=THING.format(name="good"), worse="raise OSError('a\\nb')")
    found = plugins.discover(name, "THING")
    assert list(found.values) == ["good"]
    assert found.warnings == (
        f"{name}.bad cannot be loaded: ModuleNotFoundError: No module named 'not_a_module_at_all'",
        f"{name}.worse cannot be loaded: OSError: a b",
    )


def test_a_package_that_is_not_there_has_no_extensions():
    assert plugins.names("paydown.no_such_package") == []
    assert plugins.discover("paydown.no_such_package", "THING") == plugins.Found()


def test_an_entry_point_names_a_value_or_its_module(package, points):
    name = package(own=THING.format(name="own"), a=THING.format(name="first"), b=THING.format(name="second"))
    points(first=f"{name}.a:THING", second=f"{name}.b")
    found = plugins.discover("paydown.no_such_package", "THING", GROUP)
    assert list(found.values) == ["first", "second"]
    assert found.warnings == ()
    assert plugins.names("paydown.no_such_package", GROUP) == ["first", "second"]


def test_a_broken_entry_point_is_a_named_warning(package, points):
    name = package(a=THING.format(name="a"), empty="")
    points(gone=f"{name}.gone", blank=f"{name}.empty")
    found = plugins.discover(name, "THING", GROUP)
    assert list(found.values) == ["a"]
    assert found.warnings == (
        f"plug-in blank ({name}.empty) has no THING",
        f"plug-in gone ({name}.gone) cannot be loaded: ModuleNotFoundError: No module named '{name}.gone'",
    )


def test_a_built_in_extension_wins_over_an_entry_point_of_its_name(package, points):
    name = package(a=THING.format(name="a"), other="class Thing:\n    name = 'a'\n    foreign = True\nPOINT = Thing()")
    points(a=f"{name}.other:POINT")
    found = plugins.discover(name, "THING", GROUP)
    assert not hasattr(found.values["a"], "foreign")
    assert found.warnings == ("plug-in a is passed over: the name a is taken",)
