"""The examples of docs/spec/ledger-examples.md hold, by the oracle and by the product."""

import re

import pytest
from tests.ledger.brute import brute
from tests.ledger.compare import product
from tests.ledger.examples import PAGE, differences, read, said

EXAMPLES = [pytest.param(example, id=example.name) for example in read()]


@pytest.mark.parametrize("example", EXAMPLES)
def test_oracle_says_what_the_page_says(example):
    assert not differences(example, said(brute(example.facts, example.settings)))


@pytest.mark.parametrize("example", EXAMPLES)
def test_product_says_what_the_page_says(example):
    assert not differences(example, said(product(example.facts, example.settings)))


def test_every_rule_has_an_example():
    page = (PAGE.parent / "ledger.md").read_text()
    rules = re.findall(r"^##+ (\d+(?:\.\d+)?)\.? ", page, re.MULTILINE)
    shown = {heading.split()[0] for heading in re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE)}
    wanted = {rule for rule in rules if not any(other.startswith(f"{rule}.") for other in rules)} - {"6"}
    assert wanted <= shown


def test_a_wrong_figure_is_found():
    example = read()[0]
    example.expected[0].amounts = {name: value + 1 for name, value in example.expected[0].amounts.items()}
    assert differences(example, said(brute(example.facts, example.settings)))


def test_a_missing_figure_is_found():
    example = read()[0]
    del example.expected[0]
    assert differences(example, said(brute(example.facts, example.settings)))
