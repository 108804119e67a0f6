"""The kind of jobs, on labelled shapes (kinds.toml), each alone and all in one dump."""

import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from paydown.connectors.sacct import SacctSettings

SHAPES = tomllib.loads((Path(__file__).parent / "kinds.toml").read_text())["shape"]
SITE = {"partition:debug*": "interactive", "name:nightly-web-?": "service"}
FIELDS = {"line": "SubmitLine", "name": "JobName", "comment": "Comment", "state": "State", "partition": "Partition"}


def rows_of(shape, number):
    """Give the rows of a shape: its job, and its steps."""
    cells = {field: shape[key] for key, field in FIELDS.items() if key in shape}
    job = shape.get("id", str(number))
    if shape.get("state") == "PENDING":
        cells |= {"Start": "Unknown", "End": "Unknown", "NodeList": "None assigned"}
    told = {"JobName": "x", **cells, "JobID": job}
    steps = [{"JobID": f"{job}.{step}", "State": "COMPLETED", "JobName": step} for step in shape.get("steps", ())]
    return [told, *steps]


def said(found):
    return {row["job_id"]: (row["kind"], row["kind_source"]) for row in found.jobs}


def expected(shape):
    return shape.get("kind"), shape.get("source")


def test_there_are_forty_shapes_and_more():
    assert len(SHAPES) >= 40
    assert {shape.get("kind") for shape in SHAPES} == {"batch", "interactive", "service", None}
    assert len({shape["what"] for shape in SHAPES}) == len(SHAPES)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape["what"])
def test_a_shape(jobs, shape):
    assert set(said(jobs(*rows_of(shape, 1), kind=SITE)).values()) == {expected(shape)}


def test_all_shapes_in_one_dump(jobs):
    rows = [row for number, shape in enumerate(SHAPES, 1000) for row in rows_of(shape, number)]
    found = said(jobs(*rows, kind=SITE))
    for number, shape in enumerate(SHAPES, 1000):
        job = shape.get("id", str(number))
        assert found.get(job, found.get("121_5")) == expected(shape), shape["what"]


def test_names_in_capitals_are_the_same(jobs):
    assert said(jobs({"JobName": "SYS/DASHBOARD/SYS/RStudio"}, {"JobID": "2", "JobName": "VLLM-Server"})) == {
        "1": ("interactive", "JobName open-ondemand"),
        "2": ("service", "JobName serves"),
    }


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ({"partition:debug": "batchy"}, "batch"),
        ({"debug": "batch"}, "no SCOPE:NAME"),
        ({"partition:": "batch"}, "no SCOPE:NAME"),
        ({"partitions:debug": "batch"}, "did you mean partition"),
    ],
)
def test_a_map_that_is_none_is_an_error(kind, message):
    with pytest.raises(ValidationError, match=message):
        SacctSettings(files=("x",), kind=kind)
