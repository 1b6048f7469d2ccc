"""The fixtures, as somebody else's tests use them."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

STEP = """
config = {"name": "Hi", "type": "api", "path": "/hi", "method": "GET", "emits": []}

def handler(req, context):
    return {"status": 200, "body": {"hi": True}}
"""
TESTS = """
def test_it(motia, motia_context):
    assert motia.request("GET", "/hi").json == {"hi": True}
    motia_context.emit({"topic": "t", "data": 1})
    assert motia_context.emitted("t") == [1]
"""


def test_the_project_above_the_test_is_found(pytester: pytest.Pytester) -> None:
    pytester.mkdir("steps").joinpath("hi_step.py").write_text(STEP)
    pytester.mkdir("tests").joinpath("test_hi.py").write_text(TESTS)

    pytester.runpytest().assert_outcomes(passed=1)


def test_the_project_can_be_named_in_the_settings(pytester: pytest.Pytester) -> None:
    pytester.mkdir("backend").joinpath("steps").mkdir()
    (pytester.path / "backend" / "steps" / "hi_step.py").write_text(STEP)
    pytester.makeini("[pytest]\nmotia_project = backend")
    pytester.makepyfile(TESTS)

    pytester.runpytest().assert_outcomes(passed=1)


def test_a_project_with_a_broken_file_fails_its_tests_and_says_which(
    pytester: pytest.Pytester,
) -> None:
    pytester.mkdir("steps").joinpath("bad_step.py").write_text("import nowhere_at_all")
    pytester.makepyfile(TESTS)

    result = pytester.runpytest()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*steps/bad_step.py*nowhere_at_all*"])


def test_without_a_project_the_way_out_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)

    result = pytester.runpytest()

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*motia_project*"])
