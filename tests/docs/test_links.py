"""Relative links lead somewhere, to files and to headings; every page can be reached from the README."""

import re
from pathlib import Path

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def links(page):
    """Give (file, anchor) of each relative link of a page."""
    targets = LINK.findall(FENCE.sub("", page.read_text()))
    relative = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in map(split, relative)]


def split(target):
    return target.partition("#")


def anchors(page):
    """Give the anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_relative_links_lead_somewhere(docs, root):
    broken = []
    for page in docs.markdown():
        for target, anchor in links(page):
            known = target.exists() and (not anchor or anchor in anchors(target))
            if not known:
                broken.append(f"{page.relative_to(root)}: {Path(target).name}#{anchor}")
    assert not broken


def test_every_page_can_be_reached_from_the_readme(docs, root):
    reached, waiting = set(), [root / "README.md"]
    while waiting:
        page = waiting.pop()
        if page.suffix == ".md" and page not in reached and page.exists():
            reached.add(page)
            waiting += [target for target, _ in links(page)]
    assert set(docs.markdown()) <= reached
