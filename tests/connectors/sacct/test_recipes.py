"""The lines of `--print-command` ask real versions for fields that they have, and the page shows the same line."""

from pathlib import Path

from tests.connectors.sacct.test_json import DUMPS, NEW, OLD

from paydown.connectors.sacct.recipes import FORMAT, RECIPES
from paydown.dialects.slurm_accounting import lines

PAGE = Path(__file__).parents[3] / "docs" / "connectors" / "sacct.md"


def test_the_fields_are_those_of_real_versions():
    asked = FORMAT.split(",")
    for version in (OLD, NEW):
        with (DUMPS / version / "all.txt").open() as dump:
            assert set(asked) <= set(dump.readline().rstrip("\n").split("|"))
    assert asked[-1] == "JobName"  # a delimiter in a name then breaks nothing
    assert set(asked) <= set(lines.USED)
    assert {"NodeList", "AllocTRES", "ReqTRES", "TotalCPU", "AdminComment", "Cluster"} <= set(asked)


def test_each_form_asks_for_all_jobs_and_all_starts():
    for recipe in RECIPES:
        (command,) = recipe.commands
        assert {"-a", "-D", "-S", "START", "-E", "END"} <= set(command.split())
    assert "--json" in RECIPES[1].commands[0]


def test_the_page_shows_the_same_fields():
    assert f"--format={FORMAT} " in PAGE.read_text()
