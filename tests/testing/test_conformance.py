"""The conformance suite finds what it is for: each fault planted in a sound connector is named in a sentence."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import BaseModel, ConfigDict, Field

from paydown.connectors.interface import Connector, Context
from paydown.model.batch import Batch, Reject, Vouch
from paydown.testing import check_connector

START = 1_704_067_200_000


class Settings(BaseModel):
    """Where to read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Field(description="The folder.")


JOBS = {
    "cluster": ["c"],
    "job_id": ["1"],
    "attempt": [0],
    "user": ["annabel"],
    "account": ["annabel"],
    "start": [START],
    "state": ["COMPLETED"],
}
HELD = {"cluster": ["c"], "job_id": ["1"], "attempt": [0], "node": ["n1"], "gpu_milli": [1000], "start": [START]}
REJECT = Reject("jobs", "here", 3, "bad-row", "it is torn", "1,,")


def batch(table, columns, origin="here", **changed):
    return Batch(table, pa.table({**columns, **changed}), origin)


def jobs(**changed):
    return batch("jobs", JOBS, **changed)


def held(**changed):
    return batch("allocations", HELD, **changed)


def connector(*items, **changed):
    sound = Connector(
        name="sound",
        summary="What is sound.",
        settings=Settings,
        supports=("use", "allocation"),
        tables=("jobs", "allocations"),
        read=lambda _settings, _context: iter(items),
    )
    return replace(sound, **changed)


def check(subject, tmp_path, context=None, **kw):
    return check_connector(subject, {"folder": tmp_path}, context, **kw)


VOUCH = Vouch("c", "sound", ("use",), START, START + 1)


def test_a_sound_connector_passes(tmp_path):
    found = check(connector(jobs(), held(), REJECT, VOUCH), tmp_path, Context(cluster="c"))
    assert {name: len(rows) for name, rows in found.tables.items()} == {"jobs": 1, "allocations": 1}
    assert (found.rejects, found.vouches, found.clusters()) == ([REJECT], [VOUCH], {"c"})


def test_rejects_of_rows_are_part_of_the_reading(tmp_path):
    twice = {name: [*values, *values] for name, values in JOBS.items()}
    found = check(connector(batch("jobs", twice, job_id=["1", ""]), VOUCH), tmp_path)
    assert [reject.reason for reject in found.rejects] == ["bad-key"]


class Loose(BaseModel):
    """Settings that are not frozen."""

    model_config = ConfigDict(extra="forbid")
    folder: Path = Field(description="The folder.")


class Lax(BaseModel):
    """Settings that take any key."""

    model_config = ConfigDict(frozen=True)
    folder: Path = Field(description="The folder.")


class Silent(BaseModel):
    """Settings that do not say what they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    folder: Path


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "Sound One"}, "name `Sound One` is not of the form"),
        ({"summary": "a\nb"}, "summary is not one line"),
        ({"summary": " "}, "summary is not one line"),
        ({"supports": ("everything",)}, r"supports \['everything'\]"),
        ({"tables": ("jobs", "entries")}, r"\['entries'\], which are no tables"),
        ({"tables": ()}, "no table that it fills"),
        ({"settings": Loose}, "are not frozen"),
        ({"settings": Lax}, "do not forbid unknown keys"),
        ({"settings": Silent}, "`folder` has no description"),
        ({"tables": ("allocations",)}, "rows of jobs, which it does not declare"),
        ({"supports": ("capacity",)}, "vouches for use of c, which it does not declare"),
        ({"read": lambda _settings, _context: [jobs(), VOUCH]}, "gives a list, not an iterator"),
    ],
)
def test_faults_of_what_it_declares(tmp_path, changed, message):
    with pytest.raises(AssertionError, match=message):
        check(connector(jobs(), VOUCH, **changed), tmp_path)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ((VOUCH,), "no row at all"),
        ((jobs(), {"table": "jobs"}, VOUCH), "yields a dict, which is no Batch"),
        ((jobs(origin=""), VOUCH), "without an origin"),
        ((jobs(colour=["red"]), VOUCH), "has no column `colour`"),
        ((jobs(attempt=[b"\x00"]), VOUCH), "not of that table"),
        ((jobs(),), "gives facts of c but vouches for nothing there"),
        ((jobs(), replace(VOUCH, cluster="d")), "gives facts of c but vouches for nothing there"),
        ((jobs(), replace(VOUCH, source="")), "without naming the cluster or the source"),
        ((jobs(), replace(VOUCH, covers_to_ms=START - 1)), "which is earlier"),
        ((jobs(), replace(VOUCH, covers_from_ms=START // 1000)), "is it seconds"),
        ((jobs(start=[START // 1000]), VOUCH), "are seconds read as milliseconds"),
        ((jobs(), jobs(), VOUCH), "gives 1 rows of jobs whose key"),
        ((jobs(labels=["owner=annabel;x=y"]), VOUCH), "tells the user `annabel` in jobs.labels"),
        ((jobs(), held(node=["annabel"]), VOUCH), "tells the user `annabel` in allocations.node"),
        ((jobs(), held(job_id=["2"]), VOUCH), "gives allocations of jobs that it does not give: .*'2'"),
        ((jobs(), replace(REJECT, origin=""), VOUCH), "without naming its origin"),
        ((jobs(), replace(REJECT, reason="Bad Row"), VOUCH), "`Bad Row`, which is no stable short code"),
        ((jobs(), replace(REJECT, detail=""), VOUCH), "without saying what was wrong"),
        ((jobs(), replace(REJECT, row="x" * 1001), VOUCH), "keeps 1,001 characters"),
        ((jobs(), replace(REJECT, count=0), VOUCH), "0 times"),
        ((jobs(), replace(REJECT, table="job"), VOUCH), "`job`, which is no table of facts"),
    ],
)
def test_faults_of_what_it_gives(tmp_path, items, message):
    with pytest.raises(AssertionError, match=message):
        check(connector(*items), tmp_path)


def test_a_sample_told_twice_is_allowed(tmp_path):
    sample = {"cluster": ["c"], "node": ["n1"], "gpu": ["0"], "start": [START], "duration_ms": [1], "power_w": [7.0]}
    told = batch("gpu_samples", sample)
    check(connector(told, told, VOUCH, tables=("gpu_samples",)), tmp_path)


def test_jobs_that_are_not_in_a_short_window_are_allowed(tmp_path):
    check(connector(jobs(), held(job_id=["2"]), VOUCH), tmp_path, orphans=True)


def test_the_users_name_for_the_cluster_goes_first(tmp_path):
    with pytest.raises(AssertionError, match="keeps c though the user named mine"):
        check(connector(jobs(), VOUCH), tmp_path, Context(cluster="mine"))


def changing(make):
    """Make a `read` that gives something else each time."""
    times = iter(range(99))

    def read(_settings, _context) -> Iterator[object]:
        return iter(make(next(times)))

    return read


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda at: (jobs(name=[str(at)]), VOUCH), "other rows of jobs"),
        (lambda at: (jobs(), *[held()] * at, VOUCH), "other rows of allocations"),
        (lambda at: (jobs(), replace(REJECT, line=at), VOUCH), "other rejects"),
        (lambda at: (jobs(), replace(VOUCH, note=str(at))), "vouches for something else"),
    ],
)
def test_reading_again_gives_the_same(tmp_path, make, message):
    with pytest.raises(AssertionError, match=message):
        check(connector(read=changing(make)), tmp_path)


@pytest.mark.parametrize("fault", ["new.txt", "old.txt"])
def test_the_source_is_not_written_to(tmp_path, fault):
    (tmp_path / "old.txt").write_text("as it was")

    def read(settings, _context):
        (settings.folder / fault).write_text("as it is")
        yield from (jobs(), VOUCH)

    with pytest.raises(AssertionError, match=f"writes to the folder that it reads.*{fault}"):
        check(connector(read=read), tmp_path)
    with pytest.raises(AssertionError, match="writes to the folder"):
        check(connector(read=lambda _s, _c: read(Settings(folder=tmp_path), _c)), tmp_path / "none", watch=[tmp_path])


def test_progress_is_a_share(tmp_path):
    def read(_settings, context):
        context.progress("half way", 50.0)
        yield from (jobs(), VOUCH)

    with pytest.raises(AssertionError, match=r"50\.0 done"):
        check(connector(read=read), tmp_path)


def test_settings_that_are_refused(tmp_path):
    with pytest.raises(AssertionError, match="refuses the sample's settings"):
        check_connector(connector(jobs(), VOUCH), {"directory": tmp_path})
    with pytest.raises(AssertionError, match="are no settings of sound"):
        check_connector(connector(jobs(), VOUCH), Lax(folder=tmp_path))
