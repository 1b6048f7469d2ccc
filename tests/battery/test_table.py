"""The pages of guarantees name the test of each promise and fault."""

from __future__ import annotations

import re

import pytest

from tests.e2e.server import ROOT

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
