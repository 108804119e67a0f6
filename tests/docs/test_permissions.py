"""The table of privileges is complete, is found, and says what `--print-command` says."""

import pytest
from click.testing import CliRunner

from paydown.surfaces.cli.main import root as command

WITHOUT = {"facts", "openb", "synthetic"}
"""Sources that nobody dumps; docs/permissions.md names them."""

PAGE = "docs/permissions.md"


def test_every_source_is_in_the_table(docs, root):
    page = (root / PAGE).read_text()
    for name, connector in docs.connectors().items():
        assert bool(connector.recipes) != (name in WITHOUT), f"{name} needs recipes, or a place among those without"
        row, sentence = f"| [{name}](connectors/{name}.md): ", f"`{name}`"
        assert (sentence if name in WITHOUT else row) in page, f"{name} is not in {PAGE}"


@pytest.mark.parametrize("page", ["README.md", "docs/getting-started.md"])
def test_the_table_is_linked(root, page):
    assert "permissions.md)" in (root / page).read_text()


def test_every_recipe_is_whole(docs):
    for name, connector in docs.connectors().items():
        for recipe in connector.recipes:
            assert all((recipe.title, recipe.commands, recipe.role, recipe.without)), f"{name}: {recipe}"
            assert all("\n" not in text for text in (*recipe.commands, *recipe.notes)), f"{name}: a line holds several"


def test_print_command_prints_lines_for_a_shell_and_asks_for_nothing_else(docs):
    for name, connector in docs.connectors().items():
        ran = CliRunner().invoke(command(), ["ingest", name, "--print-command"])
        if not connector.recipes:
            assert ran.exit_code == 2
            continue
        assert ran.exit_code == 0, ran.output
        lines = ran.output.splitlines()
        typed = [line for line in lines if line and not line.startswith("#")]
        assert typed == [line for recipe in connector.recipes for line in recipe.commands]
        for recipe in connector.recipes:
            assert f"# * needs: {recipe.role}" in lines
            assert f"# * without it: {recipe.without}" in lines
