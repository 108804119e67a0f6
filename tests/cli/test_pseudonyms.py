"""With --pseudonyms nothing that is written or said holds a name: each report in each format, and every other verb."""

import re

import pyarrow.parquet as pq
import pytest
from tests.store import test_forget as forgetting

from paydown.connectors.facts import CONNECTOR, FactsSettings
from paydown.connectors.interface import Context
from paydown.ingest import ingest
from paydown.model.entries import DERIVED, META
from paydown.model.facts import FACTS
from paydown.model.masking import FREE, LABELS, SITE, Mask, job_name
from paydown.reports import registry
from paydown.store import open_store
from paydown.surfaces.cli.main import run
from paydown.surfaces.formats.registry import MODULES

WORDS = (*forgetting.NAMES, "carol", "zq-", "zq|")
"""What must not be seen; every job of theirs has a name that begins with zq."""

NAMES = sorted(registry.names())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Make a store of facts of which some lay in a folder that bears a name."""
    folder = tmp_path_factory.mktemp("made")
    store = open_store(folder / "store", create=True)
    for number, first in enumerate((True, False)):
        home = folder / ("carol" if first else str(number))
        forgetting.write(home, first)
        ingest(store, CONNECTOR, FactsSettings(folder=home), Context())
    return folder / "store"


@pytest.fixture
def told(place, capfdbinary):
    """Run a verb on the store, and give all that it wrote."""

    def done(*arguments, hidden=True, code=0):
        found = run(["--store", str(place), *arguments, *(["--pseudonyms"] if hidden else [])])
        assert code is None or found == code
        said = capfdbinary.readouterr()
        return said.out + said.err

    return done


def seen(text):
    return [word for word in WORDS if word.lower().encode() in text.lower()]


def by(name):
    """Ask a report for all that may name somebody."""
    fields = registry.report(name).parameters.model_fields
    cuts = [("--by", cut) for cut in ("user", "account") if "by" in fields and name != "nodes"]
    return ["1", "--cluster", "lab"] if name == "job" else [word for pair in cuts for word in pair]


@pytest.mark.parametrize("form", sorted(MODULES))
@pytest.mark.parametrize("name", NAMES)
def test_no_report_shows_a_name_in_any_format(told, tmp_path, name, form):
    file = tmp_path / f"answer.{form}"
    said = told(name, *by(name), "--format", form, "--output", str(file))
    text = file.read_bytes()
    assert seen(said + text) == []
    if form == "parquet":
        assert seen(str(pq.read_table(file).to_pylist()).encode()) == []


@pytest.mark.parametrize("name", NAMES)
def test_no_picture_shows_a_name(told, tmp_path, name):
    file = tmp_path / "picture.svg"
    asked = [name, *by(name)[:4], "--plot", str(file)]
    said = told(*asked, code=None)
    assert file.exists() or b"has no picture" in said or b"nothing" in said.lower()
    assert seen(said + (file.read_bytes() if file.exists() else b"")) == []


def test_the_same_questions_show_names_where_they_may(told):
    assert seen(told("jobs", "--format", "json", hidden=False))
    assert seen(told("store", "rejects", "--format", "json", hidden=False))
    assert seen(told("doctor", hidden=False))


def test_hints_tell_no_name(told):
    assert b"There is no account 'carrol'" in told("jobs", "--account", "carrol")
    assert seen(told("jobs", "--account", "carrol")) == []
    assert seen(told("jobs", "--account", "carrol", hidden=False))


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_rejects_show_no_name(told, form):
    assert seen(told("store", "rejects", "--format", form)) == []


@pytest.mark.parametrize("verb", [("doctor",), ("doctor", "--format", "json"), ("store", "info"), ("check",)])
def test_other_verbs_show_no_name(told, verb):
    assert seen(told(*verb)) == []


def test_an_ingest_says_no_name(told, tmp_path):
    forgetting.write(tmp_path / "again", first=False)
    said = told("ingest", "facts", str(tmp_path / "again"))
    assert b"* dumped by *" in said
    assert seen(said) == []


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_export_holds_no_name_and_can_be_ingested(told, place, tmp_path, form):
    target = tmp_path / "out"
    told("store", "export", str(target), "--format", form)
    for file in target.iterdir():
        text = str(pq.read_table(file).to_pylist()).encode() if form == "parquet" else file.read_bytes()
        assert seen(text + file.read_bytes()) == [], file.name
    other = open_store(tmp_path / "other", create=True)
    ingest(other, CONNECTOR, FactsSettings(folder=target), Context())
    one, two = (store.snapshot().query(
        'SELECT "user", tres, category, sum(amount) AS s FROM daily GROUP BY ALL ORDER BY ALL'
    ) for store in (open_store(place), other))  # fmt: skip
    assert one.equals(two)


def test_the_configuration_file_hides_names_and_the_command_line_shows_them(told, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("pseudonyms = true\n")
    hidden = told("jobs", "--config", str(file), hidden=False)
    assert seen(hidden) == []
    assert seen(told("--no-pseudonyms", "jobs", "--config", str(file), hidden=False))
    assert seen(told("jobs", "--config", str(file), "--no-pseudonyms", hidden=False))


def test_names_of_jobs_have_pseudonyms_of_the_store_that_stay(told, tmp_path):
    one, two = (re.findall(rb"j_[0-9a-f]{12}", told("jobs", "--format", "csv")) for _ in range(2))
    assert one == two
    assert len(set(one)) == 3
    assert job_name("train", "a store's id") != job_name("train", "another's")


TEXTS = [
    ("carol", "K", "*"), ("CAROL", "K", "*"), ("carol_3", "K_3", "*_3"), ("carols", "carols", "carols"),
    ("for Carol Someone, and carol", "for D, and K", "for *, and *"), ("c.x@example.org", "E", "*"),
    ("xc.x@example.org", "xc.x@example.org", "xc.x@example.org"), ("2carol", "2carol", "2carol"), ("", "", ""),
    ("/home/carol/x", "/home/K/x", "/home/*/x"), ("--", "S", "*"), ("a--b", "a--b", "a--b"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "label", "prose"), TEXTS)
def test_names_are_found_as_whole_words(text, label, prose):
    mask = Mask({"carol": "K", "Carol Someone": "D", "c.x@example.org": "E", "--": "S", "": "never"})
    assert (mask.label(text), mask.prose(text)) == (label, prose)


def test_every_column_of_words_is_one_in_which_names_are_looked_for_or_not():
    assert len(SITE | LABELS | FREE) == len(SITE) + len(LABELS) + len(FREE)
    for table in (*FACTS.values(), *DERIVED.values(), *META.values()):
        words = {column.name for column in table.columns if column.kind == "text" and not column.choices}
        assert words <= SITE | LABELS | FREE, table.name
