"""docs/semantics.md names the test of each promise and fault."""

from __future__ import annotations

import re

from tests.e2e.server import ROOT

NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_the_page_of_guarantees_names_tests_that_are_there() -> None:
    named = NAMED.findall((ROOT / "docs" / "semantics.md").read_text("utf-8"))

    missing = [
        f"{file}::{test}"
        for file, test in named
        if f"def {test}(" not in (ROOT / file).read_text("utf-8")
    ]
    assert len(named) > 30
    assert missing == []
