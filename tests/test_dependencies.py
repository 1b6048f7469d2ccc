"""docs/architecture.md says of each dependency what it is for, and of none that is not declared."""

from __future__ import annotations

import re

import pytest

from bench.dependencies import OF_USERS, SETUP, declared, extras

PAGE = SETUP.parent / "docs" / "architecture.md"
OF_OURS = sorted(set(extras()) - set(OF_USERS))


def rows(head: str) -> list[list[str]]:
    """The cells of the table with this head."""
    lines = iter(PAGE.read_text("utf-8").splitlines())
    assert any(line.startswith(head) for line in lines), head
    next(lines)
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


CORE = rows("| package | what for, and")
EXTRAS = rows("| package | extra |")
REPOSITORY = rows("| extra | packages |")


def test_the_table_has_each_dependency_of_the_package_and_no_other() -> None:
    assert sorted(row[0] for row in CORE) == sorted(declared())


def test_the_table_of_extras_has_each_package_of_each_and_no_other() -> None:
    asked = sorted((name, f"`{extra}`") for extra in OF_USERS for name in declared(extra))

    assert sorted((row[0], row[1]) for row in EXTRAS) == asked


@pytest.mark.parametrize("row", [*CORE, *EXTRAS], ids=lambda row: row[0])
def test_each_says_what_for_why_what_it_costs_and_who_keeps_it(row: list[str]) -> None:
    assert all(row)
    *_, size_mb, import_ms, keeper = row
    assert float(size_mb) > 0
    assert int(import_ms) > 0
    assert re.search("[A-Za-z]", keeper)


def test_what_the_repository_alone_needs_is_named_by_extra() -> None:
    told = dict(REPOSITORY)

    assert set(told) == {f"`{extra}`" for extra in OF_OURS}
    for extra in OF_OURS:
        words = set(re.findall(r"[\w-]+", told[f"`{extra}`"]))
        assert set(declared(extra)) <= words, extra
