"""Write what of the documentation is made from the code: `make docs`; `python tools/docs.py --check` only compares.

A page may hold blocks, `<!-- begin NAME -->` to `<!-- end NAME -->`, whose content is made here; the text around
them is written by hand. The pages of reports are made whole, from each report's own docstring.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click
import docs_example
from pydantic import BaseModel

from paydown import plugins
from paydown.app import CONNECTOR_PACKAGES
from paydown.collect.settings import CollectSettings, SourceSettings
from paydown.config import Settings
from paydown.ledger.settings import LedgerSettings
from paydown.model import entries, exporters, facts, measures
from paydown.surfaces.cli import exit_codes as codes
from paydown.surfaces.cli import flags, words
from paydown.surfaces.cli.main import root

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from paydown.model.schema import Column, Table

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- begin (?P<name>.+?) -->\n).*?(<!-- end (?P=name) -->)", re.DOTALL)

FILE_TABLES: dict[str, type[BaseModel]] = {
    "file": Settings,
    "ledger": LedgerSettings,
    "collect": CollectSettings,
    "source": SourceSettings,
}
"""What stands in the configuration file, by the name of the block that describes it."""

COMMON = "Besides those of [every report](../cli.md#flags-of-every-report):"
COLUMNS = "Those of the answer where nothing is asked; a cut (`--by`) puts its own before them."


def connectors() -> dict[str, Any]:
    """Give our own connectors by name."""
    found = [plugins.discover(package, "CONNECTOR") for package in CONNECTOR_PACKAGES]
    return _sound(found)


def reports() -> dict[str, Any]:
    """Give our own reports by name."""
    return _sound([plugins.discover("paydown.reports", "REPORT")])


def _sound(found: list[plugins.Found]) -> dict[str, Any]:
    for warning in (warning for each in found for warning in each.warnings):
        sys.exit(warning)
    return dict(sorted((name, value) for each in found for name, value in each.values.items()))


def pages(root: Path = ROOT) -> dict[Path, str]:
    """Give every page that is made, wholly or in part, as it should read."""
    made = {root / "docs/reports" / f"{name}.md": report_page(value) for name, value in reports().items()}
    for name, value in connectors().items():
        page = root / "docs/connectors" / f"{name}.md"
        if not page.exists():
            made[page] = fill(connector_page(value))
    written = [page for page in markdown(root) if page not in made and BLOCK.search(page.read_text())]
    return made | {page: fill(page.read_text()) for page in written}


def markdown(root: Path = ROOT) -> list[Path]:
    """List the pages of the documentation: those at the top and those below `docs`."""
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def fill(text: str) -> str:
    """Fill the blocks of a page."""
    return BLOCK.sub(lambda found: found[1] + block(found["name"]) + found[3], text)


def block(name: str) -> str:
    """Make the content of a block: `facts`, `settings NAME`, ..."""
    kind, _, subject = name.partition(" ")
    return "\n".join(BLOCKS[kind](subject)).strip("\n") + "\n"


# ---- facts


def fact_tables(role: str) -> Iterator[str]:
    """Make the description of every table of one role."""
    for table in [*facts.FACTS.values(), *entries.DERIVED.values(), *entries.META.values()]:
        if table.role == role:
            yield from _table(table)


def _table(table: Table) -> Iterator[str]:
    yield from (f"### {table.name}", "", table.doc, "", f"Key: {', '.join(table.key)}.", "")
    rows = ((column.name, _type(column), "yes" if column.null else "", column.doc) for column in table.columns)
    yield from grid(("column", "type", "may be missing", "meaning"), rows)
    yield ""


def _type(column: Column) -> str:
    if column.choices:
        return " ".join(f"`{choice}`" for choice in column.choices)
    return f"{column.kind}, {column.unit}" if column.unit else column.kind


# ---- settings, parameters


def settings(subject: str) -> Iterator[str]:
    """Make the table of the settings of a connector, of the ledger, or of the configuration file."""
    if subject in FILE_TABLES:
        return fields(FILE_TABLES[subject])
    return asked(connectors()[subject].settings)


def fields(model: type[BaseModel]) -> Iterator[str]:
    """Make the table of the fields of a model, as they stand in a file."""
    rows = ((f"`{n}`", _annotation(f), _default(f), f.description or "") for n, f in model.model_fields.items())
    return grid(("setting", "type", "default", "meaning"), rows)


def _annotation(field: FieldInfo) -> str:
    shape = flags.shape_of(field.annotation)
    if isinstance(shape.kind, type) and issubclass(shape.kind, BaseModel):
        return "table"
    if shape.pairs:
        return "tables"
    words = " ".join(f"`{word}`" for word in shape.words)
    named = {str: "text", int: "integer", float: "number", bool: "true or false"}
    return ("list of " if shape.several else "") + (words or named.get(shape.kind, str(shape.kind)))


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is None or value == {} or isinstance(value, BaseModel):
        return ""
    return "`" + (", ".join(map(str, value)) if isinstance(value, tuple) else str(value)) + "`"


def asked(model: type[BaseModel]) -> Iterator[str]:
    """Make the table of the fields of a model, as they are given on the command line."""
    told = [field.description or "" for field in model.model_fields.values()]
    return options(zip(flags.parameters_of(model), told, strict=True))


def options(parameters: Iterable[tuple[click.Parameter, str]]) -> Iterator[str]:
    """Make the table of flags and positional arguments of a command; a flag's own help is stronger than the text."""
    rows = [(f"`{_spelt(each)}`", getattr(each, "help", None) or told) for each, told in parameters]
    return grid(("flag", "meaning"), rows) if rows else iter(["None."])


def _spelt(parameter: click.Parameter) -> str:
    context = click.Context(click.Command("paydown"))
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(context)
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    shown = "" if getattr(parameter, "is_flag", False) else " " + parameter.make_metavar(context)
    return names + shown


# ---- reports and connectors


def report_page(report: Any) -> str:
    """Make the page of a report from its module's docstring, parameters, needs and columns."""
    module = home(report, "REPORT")
    lines = [f"<!-- Written by `make docs` from {module.__name__}. -->", f"# {report.name}", ""]
    lines += [f"*{report.question}*", ""]
    lines += [(module.__doc__ or "").strip(), "", "## Flags", "", COMMON, "", *asked(report.parameters), ""]
    lines += ["## Tables that it needs", "", *_needs(report.needs), ""]
    lines += ["## Columns", "", COLUMNS, ""]
    for answer in docs_example.answers(report):
        heading = [] if answer.report == report.name else [f"### {answer.report}", ""]
        lines += [*heading, *_columns(answer.columns), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _needs(needs: Iterable[Any]) -> Iterator[str]:
    rows = ((n.table, "yes" if n.required else "", n.without) for n in needs)
    return grid(("table", "no answer without it", "without it"), rows)


def _columns(columns: Iterable[Any]) -> Iterator[str]:
    return grid(("column", "unit", "meaning"), ((f"`{c.name}`", c.unit, c.description) for c in columns))


def connector_page(connector: Any) -> str:
    """Begin the page of a connector that has none from its module's docstring; from then on it is written by hand."""
    module = home(connector, "CONNECTOR")
    settings_block = f"<!-- begin settings {connector.name} -->\n<!-- end settings {connector.name} -->"
    text = (module.__doc__ or connector.summary).strip()
    return f"# {connector.name}\n\n{text}\n\n## Settings\n\n{settings_block}\n"


def home(value: Any, attribute: str) -> ModuleType:
    """Give the module that holds an extension: our own, not one that imports it from there."""
    own = [module for name, module in list(sys.modules.items()) if name.startswith("paydown.")]
    return next(module for module in own if getattr(module, attribute, None) is value)


def connector_list(_: str) -> Iterator[str]:
    """Make the table of our own connectors."""
    rows = ((f"[{n}](docs/connectors/{n}.md)", c.summary, ", ".join(c.supports)) for n, c in connectors().items())
    return grid(("source", "what it reads", "what it can support"), rows)


def permissions(_: str) -> Iterator[str]:
    """Make the table of what it takes to dump each source, and what goes missing without it."""
    rows = (
        (f"[{name}](connectors/{name}.md): {recipe.title}", recipe.role, recipe.without)
        for name, connector in connectors().items()
        for recipe in connector.recipes
    )
    return grid(("source", "least privilege", "what goes missing without it"), rows)


def report_list(_: str) -> Iterator[str]:
    """Make the table of our own reports."""
    rows = ((f"[{name}](docs/reports/{name}.md)", report.question) for name, report in reports().items())
    return grid(("report", "the question"), rows)


# ---- files


def file_text(path: str) -> Iterator[str]:
    """Show a file as it is: what is run as a block of its own as `python`, a test as `py`."""
    kind = Path(path).suffix.removeprefix(".")
    yield "```" + ("python" if kind == "py" and "tests" not in Path(path).parts else kind)
    yield (ROOT / path).read_text().rstrip("\n")
    yield "```"


# ---- measurements


def measure_list(_: str) -> Iterator[str]:
    """Make the table of what is read of each exporter and tool."""
    rows = (
        (each.name, f"`{measure.name}`", measure.unit, _filled(measure))
        for each in (*exporters.TOOLS, *exporters.EXPORTERS)
        for measure in each.measures
    )
    return grid(("program", "name there", "unit there", "column"), rows)


def _filled(measure: exporters.Measure) -> str:
    where = "" if measure.table == measures.TABLES[0] or measure.kind == "job" else " of the host"
    how = {"counter": ", its increase", "job": ", its value", "gauge": ""}[measure.kind]
    part = ", taken away" if measure.part < 0 else ", a part of the sum" if measure.part else ""
    return f"`{measure.column}`{where}{how}{part}"


def label_list(_: str) -> Iterator[str]:
    """Make the table of the labels of Prometheus that say of what a series is."""
    labels = {
        "node": exporters.NODE_LABELS,
        "gpu": exporters.GPU_LABELS,
        "slice of it": (exporters.SLICE_LABEL,),
        "the device itself": exporters.UUID_LABELS,
        "model": exporters.MODEL_LABELS,
        "job": exporters.JOB_LABELS,
        "cluster": ("cluster",),
    }
    return grid(("what", "labels"), ((what, " ".join(f"`{name}`" for name in names)) for what, names in labels.items()))


def unit_list(_: str) -> Iterator[str]:
    """Make the table of the units in which each measured column may be told."""
    rows: dict[str, list[str]] = {}
    for table in measures.TABLES:
        for column in measures.measured_columns(table).values():
            told = " ".join(f"`{unit}`" for unit in measures.units_of(column))
            rows.setdefault(told, []).append(f"`{column.name}`")
    rows[" ".join(f"`{unit}`" for unit in measures.TIMES)] = ["`start`", "`end`", "`duration_ms`"]
    return grid(("columns", "units"), ((", ".join(dict.fromkeys(names)), told) for told, names in rows.items()))


# ---- the command line


def commands(_: str) -> Iterator[str]:
    """Make the description of every command, as its own help says it."""
    named = {f"paydown {name}" for name in reports()} | {f"paydown ingest {name}" for name in connectors()}
    for context in walk(click.Context(root(), info_name="paydown")):
        if context.command_path not in named:
            yield from _command(context)


def output_flags(_: str) -> Iterator[str]:
    """Make the table of the flags that every report has besides its own."""
    return options((option, "") for option in words.report_options())


def exit_codes(_: str) -> Iterator[str]:
    """Make the table of the exit codes."""
    return grid(("code", "meaning"), ((str(code), meaning) for code, meaning in codes.table().items()))


def walk(context: click.Context) -> Iterator[click.Context]:
    """Give a command and all below it."""
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            inner = context.command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from walk(click.Context(inner, info_name=name, parent=context))


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield from (f"### {context.command_path}", "", *_help(command), "", "```text", usage, "```", "")
    above = {tuple(option.opts) for option in context.find_root().command.params if context.parent}
    shown = [o for o in command.params if isinstance(o, click.Option) and not o.hidden and tuple(o.opts) not in above]
    if shown:
        yield from (*options((option, "") for option in shown), "")


def _help(command: click.Command) -> Iterator[str]:
    """Give the help of a command without click's marks for the layout of a terminal."""
    return (line for line in inspect.cleandoc(command.help or "").splitlines() if line != "\b")


# ---- Markdown


def grid(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Make a Markdown table."""
    yield "| " + " | ".join(heads) + " |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in row) + " |"


BLOCKS: dict[str, Callable[[str], Iterator[str]]] = {
    "commands": commands,
    "connectors": connector_list,
    "exit-codes": exit_codes,
    "file": file_text,
    "labels": label_list,
    "measures": measure_list,
    "output-flags": output_flags,
    "permissions": permissions,
    "reports": report_list,
    "settings": settings,
    "tables": fact_tables,
    "units": unit_list,
}
"""What makes each kind of block."""


def main() -> int:
    """Write the pages, or compare them; 1 where one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, name what is stale")
    check = parser.parse_args().check
    stale = [(page, text) for page, text in pages().items() if not page.exists() or page.read_text() != text]
    for page, text in stale:
        print(f"{'stale' if check else 'written'}: {page.relative_to(ROOT)}")
        if not check:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text)
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
