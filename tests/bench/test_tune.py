"""The tuner: what follows from what was seen, and a short run of the real thing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bench import tune
from bench.open_load import Seen
from bench.tune import Point, advise, best_concurrency, merged_into, table_of
from tests.e2e.server import write_project

STEP, CHARGE = "steps/quote_step.py", "steps/charge_step.py"
QUOTE = """
config = {"name": "Quote", "type": "api", "path": "/quote", "method": "GET", "emits": []}


async def handler(req, context):
    return {"status": 200, "body": {"cents": 450}}
"""


CHARGING = """
config = {"name": "Charge", "type": "event", "subscribes": ["ordered"], "emits": []}


async def handler(order, context):
    if order.get("fails"):
        raise ValueError("no money")
"""
ORDERING = """
config = {"name": "Order", "type": "api", "path": "/order", "method": "POST", "emits": ["ordered"]}


async def handler(req, context):
    await context.emit({"topic": "ordered", "data": req["body"]})
    return {"status": 202, "body": {}}
"""


def seen(per_s: float, *, p99_ms: float = 50.0, rejected: float = 0.0) -> Seen:
    return Seen(
        per_s=per_s, p50_ms=20.0, p99_ms=p99_ms, mean_ms=25.0, rejected=rejected, failed=0.0
    )


WIDE = [Point(1, seen(40)), Point(8, seen(370)), Point(16, seen(399)), Point(64, seen(400))]
DEEP = [
    Point(1, seen(290, rejected=0.27)),
    Point(16, seen(400)),
    Point(256, seen(400, p99_ms=400.0)),
]


def test_the_least_concurrency_that_answers_nearly_all_is_taken() -> None:
    assert best_concurrency(WIDE) == 16


def test_the_least_mailbox_that_refuses_nobody_in_time_is_taken() -> None:
    advice = advise(WIDE, DEEP, per_s=400.0, alone_ms=25.0, wait_ms_max=250.0)

    assert (advice.concurrency, advice.mailbox) == (16, 16)
    # 400 a second times 25 ms; and times the 225 ms that are left to wait.
    assert "10.0 in flight" in advice.reasons[0]
    assert "90 may wait" in advice.reasons[1]


def test_a_load_that_is_too_much_is_called_so() -> None:
    deep = [Point(1, seen(100, rejected=0.7)), Point(16, seen(100, rejected=0.5))]

    advice = advise(WIDE, deep, per_s=400.0, alone_ms=25.0, wait_ms_max=250.0)

    assert advice.mailbox == 16
    assert "more than one worker can do" in advice.reasons[-1]


def test_a_table_takes_the_place_of_the_steps_former_one_and_no_other() -> None:
    advice = advise(WIDE, DEEP, per_s=400.0, alone_ms=25.0, wait_ms_max=250.0)
    before = f'["{STEP}"]\nconcurrency = 1\n\n["steps/other_step.py"]\nconcurrency = 2\n'

    after = tomllib.loads(merged_into(before, table_of(STEP, advice)))

    assert after == {
        STEP: {"concurrency": 16, "mailbox": {"size": 16}},
        "steps/other_step.py": {"concurrency": 2},
    }
    assert merged_into("", table_of(STEP, advice)) == table_of(STEP, advice)


def test_what_the_project_says_of_its_other_steps_holds_while_one_is_tuned(tmp_path: Path) -> None:
    other = '["steps/other_step.py"]\nconcurrency = 2\n'
    (tmp_path / "infrastructure.toml").write_text(other)

    text = tune.with_table(tmp_path, f'["{STEP}"]\nconcurrency = 8\n')

    assert tomllib.loads(text) == {
        "steps/other_step.py": {"concurrency": 2},
        STEP: {"concurrency": 8},
    }


@pytest.mark.slow
def test_a_project_is_swept_and_its_settings_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    project = write_project(tmp_path / "shop", {STEP: QUOTE})
    monkeypatch.setattr(tune, "CONCURRENCIES", (1, 2))
    monkeypatch.setattr(tune, "MAILBOXES", (4, 8))
    words = [str(project), "--step", STEP, "--url", "/quote", "--per-s", "50", "--seconds", "0.3"]

    tune.main([*words, "--write", "--out", str(tmp_path / "out"), "--p99-ms", "10000"])

    said = capfd.readouterr().out
    written = tomllib.loads((project / "infrastructure.toml").read_text())
    assert written[STEP]["concurrency"] in (1, 2)
    assert written[STEP]["mailbox"]["size"] in (4, 8)
    assert "Little's law" in said
    assert (tmp_path / "out" / "rows.jsonl").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "load",
    [
        ["--topic", "ordered"],
        ["--url", "/order", "--method", "POST", "--events"],
    ],
    ids=["topic", "url"],
)
def test_a_step_of_events_is_swept_by_what_it_handles(
    load: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    files = {CHARGE: CHARGING, "steps/order_step.py": ORDERING}
    project = write_project(tmp_path / "shop", files)
    monkeypatch.setattr(tune, "CONCURRENCIES", (1, 2))
    monkeypatch.setattr(tune, "MAILBOXES", (4, 8))
    words = [str(project), "--step", CHARGE, *load, "--body", '{"id": 1}', "--per-s", "50"]

    tune.main([*words, "--seconds", "0.5", "--write", "--out", str(tmp_path / "out")])

    said = capfd.readouterr().out
    assert "of 50 events a second were handled" in said
    written = tomllib.loads((project / "infrastructure.toml").read_text())
    assert written[CHARGE]["concurrency"] in (1, 2)
    handled = [float(row.split()[1]) for row in said.splitlines() if row.split()[:1] == ["2"]]
    assert 25 < handled[0] < 100


@pytest.mark.slow
def test_a_load_that_does_not_reach_the_step_is_said_to(tmp_path: Path) -> None:
    files = {CHARGE: CHARGING, STEP: QUOTE}
    project = write_project(tmp_path / "shop", files)
    words = [str(project), "--step", CHARGE, "--topic", "another", "--seconds", "0.3"]

    with pytest.raises(SystemExit, match=f"nothing ran {CHARGE}"):
        tune.main([*words, "--out", str(tmp_path / "out")])
