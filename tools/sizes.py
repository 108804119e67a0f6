"""Print the sizes of modules and functions, and fail on the worst: a module over 500 lines, a function over 80.

The aims (medians, nine in ten) are printed beside the figures and fail nothing: they are for reading.
"""

from __future__ import annotations

import argparse
import ast
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

MODULE_BAR = 500
FUNCTION_BAR = 80
FUNCTION_AIM = 35
NAMED = 3
"""How many of the largest are named."""


@dataclass(frozen=True, order=True)
class Size:
    """How many lines something has."""

    lines: int
    where: str


def measure(folder: Path) -> tuple[list[Size], list[Size]]:
    """Measure every module and every function (decorators and docstring included) below a folder, smallest first."""
    modules: list[Size] = []
    functions: list[Size] = []
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text()
        modules.append(Size(len(text.splitlines()), str(path)))
        functions += [
            Size((node.end_lineno or node.lineno) - node.lineno + 1, f"{path}:{node.lineno} {node.name}")
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    return sorted(modules), sorted(functions)


def report(modules: list[Size], functions: list[Size]) -> list[str]:
    """Say the sizes, one line each."""
    under = sum(size.lines < FUNCTION_AIM for size in functions) / max(1, len(functions))
    largest = [*modules[-NAMED:][::-1], *functions[-NAMED:][::-1]]
    return [
        f"modules: {len(modules)}, median {_median(modules)} lines (aim 120), max {modules[-1].lines} ({MODULE_BAR})",
        f"functions: {len(functions)}, median {_median(functions)} lines (aim 10), p90 {_p90(functions)}",
        f"functions under {FUNCTION_AIM} lines: {under:.1%} (aim 90%), max {functions[-1].lines} ({FUNCTION_BAR})",
        *(f"  {size.lines:5d} {size.where}" for size in largest),
    ]


def _median(sizes: list[Size]) -> int:
    return round(median(size.lines for size in sizes))


def _p90(sizes: list[Size]) -> int:
    return sizes[int(0.9 * (len(sizes) - 1))].lines


def main() -> int:
    """Print the report for `src` (or the folder given); 1 where the worst is over its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("src"))
    modules, functions = measure(parser.parse_args().folder)
    print("\n".join(report(modules, functions)))
    over = [s for s in modules if s.lines > MODULE_BAR] + [s for s in functions if s.lines > FUNCTION_BAR]
    for size in over:
        print(f"too long: {size.where} has {size.lines} lines", file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
