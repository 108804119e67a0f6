"""One self-contained HTML page: the headline, the picture where the answer has one, the tables, the notes."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from paydown.errors import MissingExtraError
from paydown.surfaces import charts
from paydown.surfaces.values import ALARM, FIGURES, escaped, shown_rows, span

if TYPE_CHECKING:
    from paydown.reports.interface import Answer
    from paydown.surfaces.formats.layout import Layout

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --rule: #d0d7de; --dim: #57606a;
  --capacity: #57606a; --allocation: #7a5c00; --utilization: #116329; --debt: #a40e26; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --rule: #30363d; --dim: #9198a1;
  --capacity: #9198a1; --allocation: #e3b341; --utilization: #56d364; --debt: #ff7b72; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2 { line-height: 1.2; } .dim, .notes { color: var(--dim); } .headline { font-size: 1.1rem; margin: .2rem 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; border-bottom: 1px solid var(--rule);
  white-space: nowrap; }
td.figure, th.figure { text-align: right; } td.capacity { color: var(--capacity); }
td.allocation { color: var(--allocation); } td.utilization { color: var(--utilization); }
td.debt { color: var(--debt); }
td.told { white-space: normal; } td.prose { min-width: 18rem; } td.red { color: var(--debt); font-weight: bold; }
.picture { border: 1px solid var(--rule); padding: .5rem; margin: 1rem 0; overflow-x: auto; }
.drawn { width: 100%; min-width: 36rem; }
code, pre { font-family: ui-monospace, monospace; } pre { overflow-x: auto; }
""".strip()
"""The look of the page, in light and dark; grey, yellow and green mean the same as everywhere."""


_WORDS = {"prose": "told prose", "verdict": "verdict"}
"""How columns of words look, apart from plain text."""


def write(answer: Answer, layout: Layout) -> Iterator[str]:
    """Write a whole page."""
    pictures, notes = _pictures(answer, layout.zone)
    yield from page(f"paydown {answer.report}", [*section(answer, layout, pictures), *noted(notes)], bool(pictures))


def page(title: str, body: Sequence[str], drawn: bool) -> Iterator[str]:  # noqa: FBT001 - a page is drawn or not
    """Put a body into a page of its own; `drawn` says whether it holds pictures and needs what draws them."""
    yield f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{safe(title)}</title>\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<style>\n{STYLE}\n</style>\n</head>\n<body>\n<main>\n"
    yield from body
    yield "</main>\n"
    if drawn:
        yield f"<script>{charts.bundle()}</script>\n<script>{charts.DRAW}</script>\n"
    yield "</body>\n</html>\n"


def section(answer: Answer, layout: Layout, pictures: Sequence[str] = ()) -> Iterator[str]:
    """Write one answer: heading, headline, pictures, table, notes, further tables."""
    yield f"<h1>{safe(answer.report)}</h1>\n"
    yield f'<p class="dim">{safe(span(answer.window, layout.zone))}' + (
        f" &middot; {safe(layout.store)}" if layout.store else ""
    )
    yield "</p>\n"
    yield from (f'<p class="headline">{safe(sentence)}</p>\n' for sentence in answer.headline)
    yield from pictures
    yield from table(answer, layout)
    yield from noted(answer.notes)
    for further in answer.more:
        yield f"<h2>{safe(further.report)}</h2>\n"
        yield from table(further, layout)
        yield from noted(further.notes)


def table(answer: Answer, layout: Layout) -> Iterator[str]:
    """Write the rows of an answer as a table whose headings explain themselves."""
    rows = answer.rows.slice(0, layout.limit) if layout.limit else answer.rows
    yield '<div class="wide"><table>\n<thead><tr>'
    for column in answer.columns:
        about = f"{column.description} ({column.unit})" if column.unit else column.description
        yield f'<th scope="col" class="{_looks(column.role)}" title="{safe(about)}">{safe(column.name)}</th>'
    yield "</tr></thead>\n<tbody>\n"
    roles = [_looks(column.role) for column in answer.columns]
    for row in shown_rows(answer, rows, layout.zone):
        cells = (f'<td class="{_of(role, cell)}">{safe(cell)}</td>' for role, cell in zip(roles, row, strict=True))
        yield f"<tr>{''.join(cells)}</tr>\n"
    yield "</tbody></table></div>\n"


def noted(notes: Sequence[str]) -> Iterator[str]:
    """Write notes as a list."""
    if notes:
        yield f'<ul class="notes">{"".join(f"<li>{safe(note)}</li>" for note in notes)}</ul>\n'


def picture(drawn: charts.Drawn, place: int) -> str:
    """Write the place of a picture, with its specification as data and its words, which those hear who do not see."""
    return (
        f'<figure class="picture"><figcaption class="dim">{safe(drawn.told)}</figcaption>'
        f'<div id="picture-{place}" class="drawn" role="img" aria-label="{safe(drawn.told)}"></div>'
        f'<script type="application/json" data-draw="picture-{place}">{charts.inert(drawn.spec)}</script></figure>\n'
    )


def safe(text: str) -> str:
    """Take their meaning from markup and control characters."""
    return html.escape(escaped(text))


def _looks(role: str) -> str:
    return f"figure {role}" if role in FIGURES else _WORDS.get(role, "text")


def _of(looks: str, cell: str) -> str:
    """Give the class of a cell: a verdict looks like what it says."""
    return f"text {ALARM}" if looks == "verdict" and cell == ALARM else looks


def _pictures(answer: Answer, zone: ZoneInfo) -> tuple[list[str], list[str]]:
    try:
        found = charts.charts_of(answer, zone)
        if found:
            charts.bundle()
    except MissingExtraError as error:
        return [], [str(error)]
    return [picture(drawn, place) for place, drawn in enumerate(found)], []
