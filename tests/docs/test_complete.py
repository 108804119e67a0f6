"""Everything that a user can name is documented, and the generated pages are up to date."""

import re

import click
import pytest

from paydown.ledger.settings import LedgerSettings
from paydown.model import entries, facts


def test_generated_pages_are_up_to_date(docs, root):
    stale = [str(page.relative_to(root)) for page, text in docs.pages().items() if not is_current(page, text)]
    assert not stale, f"`make docs` would change {stale}"


def is_current(page, text):
    return page.exists() and page.read_text() == text


def test_every_report_has_a_page_and_is_listed(docs, root):
    listed = (root / "README.md").read_text()
    for name in docs.reports():
        assert (root / f"docs/reports/{name}.md").exists(), f"report {name} has no page: `make docs`"
        assert f"(docs/reports/{name}.md)" in listed, f"report {name} is not in the README: `make docs`"


def test_every_report_explains_itself(docs):
    for name, report in docs.reports().items():
        text = docs.home(report, "REPORT").__doc__ or ""
        assert len(text.split("\n\n")) > 1, f"the docstring of report {name} is its page, and has one paragraph only"


def test_every_connector_has_a_page_with_its_settings_and_is_listed(docs, root):
    listed = (root / "README.md").read_text()
    for name in docs.connectors():
        page = root / f"docs/connectors/{name}.md"
        assert page.exists(), f"connector {name} has no page: `make docs` begins one"
        assert f"<!-- begin settings {name} -->" in page.read_text(), f"{page} lacks its settings block"
        assert f"(docs/connectors/{name}.md)" in listed, f"connector {name} is not in the README: `make docs`"


def test_no_page_is_left_of_what_is_gone(docs, root):
    for folder, known in {"reports": docs.reports(), "connectors": docs.connectors()}.items():
        pages = {page.stem for page in (root / "docs" / folder).glob("*.md")}
        assert pages <= set(known), f"docs/{folder} describes {pages - set(known)}, which do not exist"


@pytest.mark.parametrize("kind", ["reports", "connectors"])
def test_every_parameter_and_setting_says_what_it_is(docs, kind):
    for name, value in getattr(docs, kind)().items():
        model = value.parameters if kind == "reports" else value.settings
        silent = [field for field, info in model.model_fields.items() if not info.description]
        assert not silent, f"{name}: {silent} have no description"


def test_every_setting_of_the_file_and_the_ledger_is_described(docs, root):
    page = (root / "docs/settings.md").read_text()
    for name in [*docs.Settings.model_fields, *LedgerSettings.model_fields]:
        assert f"`{name}`" in page, f"setting {name} is not in docs/settings.md"


def test_every_category_detail_and_basis_is_explained(root):
    page = (root / "docs/concepts.md").read_text()
    words = {*entries.CATEGORIES, *entries.BASES, *(word for words in entries.DETAILS.values() for word in words)}
    missing = [word for word in sorted(words) if not re.search(rf"^\|.*`{word}`", page, re.MULTILINE)]
    assert not missing, f"docs/concepts.md has no row for {missing}"


def test_every_table_and_column_is_described(root):
    page = (root / "docs/facts.md").read_text()
    for table in {**facts.FACTS, **entries.DERIVED, **entries.META}.values():
        section = page.partition(f"### {table.name}\n")[2].partition("\n### ")[0]
        missing = [name for name in table.names if f"| {name} |" not in section]
        assert section, f"docs/facts.md does not describe {table.name}"
        assert not missing, f"docs/facts.md does not describe {missing} of {table.name}"


def test_every_command_and_flag_says_what_it_does(docs, root):
    page = (root / "docs/cli.md").read_text()
    pages = {f"paydown {name}" for name in docs.reports()} | {f"paydown ingest {name}" for name in docs.connectors()}
    for context in docs.walk(click.Context(docs.root(), info_name="paydown")):
        path, command = context.command_path, context.command
        assert command.help, f"{path} has no help"
        assert path in pages or f"### {path}\n" in page, f"{path} is not in docs/cli.md: `make docs`"
        silent = [o.opts for o in command.params if isinstance(o, click.Option) and not o.hidden and not o.help]
        assert not silent, f"{path}: {silent} have no help"
