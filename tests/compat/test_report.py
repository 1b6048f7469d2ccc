"""The report on projects written for Motia: each rule, and what it must not complain of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from motia_actors.compat.finding import GRADES, RULES, Finding
from motia_actors.compat.report import as_json, counts, read_findings
from motia_actors.compat.script import Script
from motia_actors.compat.script_rules import exported, shim
from tests.compat.samples import SAMPLES
from tests.e2e.server import ROOT, write_project


def places(findings: list[Finding], rule: str) -> list[str]:
    return [
        one.file if one.line is None else f"{one.file}:{one.line}"
        for one in findings
        if one.rule == rule
    ]


def test_each_rule_has_a_sample_and_the_other_way_round() -> None:
    assert set(SAMPLES) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_found_at_its_lines_and_nowhere_else(tmp_path: Path, rule: str) -> None:
    sample = SAMPLES[rule]

    findings = read_findings(write_project(tmp_path, sample.files))

    assert places(findings, rule) == sample.places


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_says_what_is_otherwise_and_what_to_do(rule: str) -> None:
    told = RULES[rule]

    assert told.grade in GRADES
    for text in (told.what, told.way_out):
        assert text == text.strip()
        assert not text.endswith(".")


def test_the_migration_page_has_a_row_for_each_rule() -> None:
    page = (ROOT / "docs" / "migration.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (\w+) \|", page, re.MULTILINE))

    assert rows == {rule: told.grade for rule, told in RULES.items()}


@pytest.mark.parametrize("example", ["chat", "hello", "mixed_languages", "orders"])
def test_nothing_of_our_own_examples_must_be_changed(example: str) -> None:
    assert counts(read_findings(ROOT / "examples" / example))["change"] == 0


def test_nothing_of_the_project_is_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    text = f"open({str(marker)!r}, 'w')\nconfig = {{'type': 'noop', 'name': 'N'}}\n"

    read_findings(write_project(tmp_path, {"steps/a_step.py": text}))

    assert not marker.exists()


def test_files_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    files = {
        "steps/broken_step.py": "def (",
        "steps/open.step.ts": "export const config = { type: 'api', path: `/${",
        "steps/late.step.ts": "export const config = {",
        "package.json": "{",
        "motia.config.ts": "export default {",
        "steps/deep_step.py": "config = " + "-" * 100_000 + "1",
        "steps/sum_step.py": "config = " + "1 + " * 100_000 + "1",
        "steps/deep.step.ts": "export const config = " + "{ a: " * 20_000,
        "steps/nested.step.ts": "export const config = " + "{ a: " * 3_000 + "1" + " }" * 3_000,
        "steps/slashes.step.ts": "/ " * 20_000 + " " * 20_000 + "/",
    }
    project = write_project(tmp_path, files)
    (project / "steps" / "bytes_step.py").write_bytes(b"\xff\xfe\x00")
    (project / "steps" / "long_step.py").write_text("x = 1\n" * 300_000)
    (project / "steps" / "loop.step.ts").symlink_to("loop.step.ts")

    assert read_findings(project) == []


def test_files_that_import_each_other_are_read_once(tmp_path: Path) -> None:
    files = {
        "steps/a.step.ts": "import '../src/b.js'\nimport { c } from '@/src/c'\n",
        "src/b.ts": "import '../steps/a.step'\nlet n = 0\nexport const f = () => { n++ }\n",
        "src/c/index.ts": "export * from '../b'\nlet m = 0\nconst g = () => { m = 1 }\n",
        "node_modules/zod/index.js": "let n = 0\nfunction f() { n++ }\n",
    }

    findings = read_findings(write_project(tmp_path, files))

    assert places(findings, "module-state") == ["src/b.ts:2", "src/c/index.ts:2"]


def test_the_gravest_come_first_and_are_counted(tmp_path: Path) -> None:
    files = {**SAMPLES["fifo"].files, **SAMPLES["ruby"].files, **SAMPLES["body-schema"].files}

    told = as_json(read_findings(write_project(tmp_path, files)))

    assert told["counts"] == {"change": 1, "differs": 1, "note": 1}
    findings = told["findings"]
    assert isinstance(findings, list)
    assert [one["grade"] for one in findings] == ["change", "differs", "note"]
    assert findings[0] == {
        "rule": "ruby",
        "grade": "change",
        "file": "steps/a.step.rb",
        "line": None,
        "detail": "",
        "what": RULES["ruby"].what,
        "wayOut": RULES["ruby"].way_out,
    }


def test_the_names_that_motia_has_at_run_time_are_read_from_our_own_module() -> None:
    assert {"config", "defineConfig", "step", "Logger", "MotiaError"} <= shim()
    text = "export { a, b as c } from './x'\nexport async function d() {}\nexport const e = 1\n"
    assert exported(text) == {"a", "c", "d", "e"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a // b { '\nc", "a         \nc"),
        ("a /* } */ b", "a         b"),
        ("'it\\'s {' + x", "'       ' + x"),
        ("`a ${ { b: `c}` } } d` + e", "      { b:      }      + e"),
        ("return /[/}]{2}\\//g.test(x)", "return             .test(x)"),
        ("(a / b) / c", "(a / b) / c"),
        ("`open", "     "),
        ("'open\nb", "     \nb"),
    ],
)
def test_what_is_no_code_is_blank(text: str, code: str) -> None:
    script = Script(text)

    assert script.code == code
    assert len(script.code) == len(text)
