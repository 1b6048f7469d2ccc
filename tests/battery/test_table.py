"""The pages of guarantees name the test of each promise and fault, and the whole of each sample."""

from __future__ import annotations

import re

import pytest

from tests.e2e.server import ROOT

STRESSED = re.compile(r"^@pytest\.mark\.stress\n(?:@.*\n)*def (test_\w+)", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


@pytest.mark.parametrize(("page", "count"), [("semantics.md", 30), ("nats.md", 12)])
def test_the_pages_of_guarantees_name_tests_that_are_there(page: str, count: int) -> None:
    named = NAMED.findall((ROOT / "docs" / page).read_text("utf-8"))

    missing = [
        f"{file}::{test}"
        for file, test in named
        if f"def {test}(" not in (ROOT / file).read_text("utf-8")
    ]
    assert len(named) > count
    assert missing == []


def test_the_page_names_each_whole_test_with_its_sample() -> None:
    text = (ROOT / "docs" / "semantics.md").read_text("utf-8")
    table = text[text.index("| sample of `make test` |") : text.index("## Careless authors")]

    wholes = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in (ROOT / "tests" / "battery").glob("test_*.py")
        for name in STRESSED.findall(path.read_text("utf-8"))
    }
    assert len(wholes) > 10
    assert wholes - set(NAMED.findall(table)) == set()
