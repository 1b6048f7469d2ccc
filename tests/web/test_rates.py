"""Rate limits: the arithmetic, the table that workers share, and what clients are told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from falcon.testing import TestClient
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.clock import ManualClock
from motia_actors.steps.config import RateLimit
from motia_actors.web.api import ApiRoute, Front, WebSettings
from motia_actors.web.rates import PLACES, ROWS, RateTable, client_of, take
from tests.web.front import Steps

TEN = RateLimit(count=10, period_s=10.0)
NOW_S = 1_700_000_000.0
NOW_NS = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def drain(limit: RateLimit, full_ns: int, now_ns: int) -> tuple[int, int]:
    """How many a bucket gives at one moment, and when it is full again."""
    count = 0
    while (taken := take(full_ns, now_ns, limit)).is_allowed:
        full_ns, count = taken.full_ns, count + 1
    return count, full_ns


@given(st.integers(1, 2000), st.floats(0.01, 86_400.0), st.integers(10**18, 2 * 10**18))
def test_a_full_bucket_gives_exactly_its_count(count: int, period_s: float, now_ns: int) -> None:
    limit = RateLimit(count=count, period_s=period_s)

    assert drain(limit, 0, now_ns)[0] == count


@given(st.integers(1, 2000), st.floats(0.01, 86_400.0))
def test_what_is_said_to_be_left_is_left(count: int, period_s: float) -> None:
    limit = RateLimit(count=count, period_s=period_s)
    taken = take(0, NOW_NS, limit)

    assert drain(limit, taken.full_ns, NOW_NS)[0] == taken.remaining == count - 1


def test_it_fills_up_evenly() -> None:
    _, full_ns = drain(TEN, 0, NOW_NS)

    later = [NOW_NS + tenths * SECOND // 10 for tenths in (4, 10, 30, 100, 990)]
    assert [drain(TEN, full_ns, at_ns)[0] for at_ns in later] == [0, 1, 3, 10, 10]


def test_what_is_left_and_when_to_come_again() -> None:
    first = take(0, NOW_NS, TEN)
    _, full_ns = drain(TEN, first.full_ns, NOW_NS)
    refused = take(full_ns, NOW_NS + SECOND // 4, TEN)

    assert (first.remaining, first.reset_s) == (9, 1.0)
    assert (refused.is_allowed, refused.remaining) == (False, 0)
    assert (refused.retry_s, refused.reset_s) == (0.75, 9.75)


def test_a_clock_that_is_put_back_locks_nobody_out_for_longer_than_a_period() -> None:
    _, full_ns = drain(TEN, 0, NOW_NS)

    refused = take(full_ns, NOW_NS - 10**6 * SECOND, TEN)

    assert not refused.is_allowed
    assert refused.retry_s <= 1.0


def test_keys_have_buckets_of_their_own() -> None:
    table = RateTable(None, lambda: NOW_S)
    one = RateLimit(count=1)

    assert [table.take(key, one).is_allowed for key in (b"a", b"b", b"a", b"b")] == [
        True, True, False, False,
    ]  # fmt: skip


def test_a_full_row_lets_go_of_the_fullest_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    monkeypatch.setattr("motia_actors.web.rates.ROWS", 1)
    table = RateTable(None, clock.now_s)
    long, short = RateLimit(count=1, period_s=1000.0), RateLimit(count=1, period_s=1.0)
    for number in range(PLACES - 1):
        table.take(b"%d" % number, long)
    table.take(b"short", short)

    table.take(b"one more", long)

    assert [table.take(b"%d" % number, long).is_allowed for number in range(PLACES - 1)] == [
        False
    ] * (PLACES - 1)
    assert ROWS * PLACES >= 65_536


TAKER = """
import sys, time
from pathlib import Path
from motia_actors.steps.config import RateLimit
from motia_actors.web.rates import RateTable
table = RateTable(Path(sys.argv[1]), lambda: 1_700_000_000.0)
sys.stdin.readline()
limit = RateLimit(count=500)
print(sum(table.take(b"k", limit).is_allowed for _ in range(400)))
"""


@pytest.mark.slow
def test_processes_share_a_bucket_to_the_last_request(tmp_path: Path) -> None:
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", TAKER, str(tmp_path / "rates")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]

    counts = [int(taker.communicate("go\n", timeout=30)[0]) for taker in takers]

    assert sum(counts) == 500


@pytest.mark.parametrize(
    ("environ", "by", "proxies", "same"),
    [
        ({"REMOTE_ADDR": "1.1.1.1"}, "all", 0, {"REMOTE_ADDR": "2.2.2.2"}),
        ({"REMOTE_ADDR": "2001:db8::1"}, "ip", 0, {"REMOTE_ADDR": "2001:db8::ffff"}),
        ({"REMOTE_ADDR": "::ffff:1.1.1.1"}, "ip", 0, {"REMOTE_ADDR": "1.1.1.1"}),
        ({"HTTP_X_KEY": "k", "REMOTE_ADDR": "1.1.1.1"}, "header:x-key", 0,
         {"HTTP_X_KEY": "k", "REMOTE_ADDR": "2.2.2.2"}),
        # What a client writes into the header itself stands before what our proxy adds.
        ({"HTTP_X_FORWARDED_FOR": "9.9.9.9, 1.1.1.1", "REMOTE_ADDR": "10.0.0.1"}, "ip", 1,
         {"HTTP_X_FORWARDED_FOR": "8.8.8.8, 1.1.1.1", "REMOTE_ADDR": "10.0.0.2"}),
    ],
)  # fmt: skip
def test_who_counts_as_one_client(
    environ: dict[str, Any], by: str, proxies: int, same: dict[str, Any]
) -> None:
    assert client_of(environ, by, proxies=proxies) == client_of(same, by, proxies=proxies)


@pytest.mark.parametrize(
    ("environ", "by", "proxies", "other"),
    [
        ({"REMOTE_ADDR": "1.1.1.1"}, "ip", 0, {"REMOTE_ADDR": "1.1.1.2"}),
        ({"REMOTE_ADDR": "2001:db8::1"}, "ip", 0, {"REMOTE_ADDR": "2001:db8:0:1::1"}),
        # Nobody told us of a proxy, so nobody is believed.
        ({"REMOTE_ADDR": "1.1.1.1", "HTTP_X_FORWARDED_FOR": "3.3.3.3"}, "ip", 0,
         {"REMOTE_ADDR": "1.1.1.2", "HTTP_X_FORWARDED_FOR": "3.3.3.3"}),
        # Leaving the header out is no way around the limit: it counts by address.
        ({"REMOTE_ADDR": "1.1.1.1"}, "header:x-key", 0, {"REMOTE_ADDR": "1.1.1.2"}),
        ({"HTTP_X_KEY": "a"}, "header:x-key", 0, {"HTTP_X_KEY": "b"}),
    ],
)  # fmt: skip
def test_who_does_not(
    environ: dict[str, Any], by: str, proxies: int, other: dict[str, Any]
) -> None:
    assert client_of(environ, by, proxies=proxies) != client_of(other, by, proxies=proxies)


@pytest.fixture
def client() -> TestClient:
    steps = Steps()
    steps.handlers["a"] = lambda _: {"status": 201, "body": {}}
    front = Front(
        WebSettings(), asker=steps, new_trace_id=lambda: "ABCDE-1234567", log=steps.log,
        rates=RateTable(None, lambda: NOW_S),
    )  # fmt: skip
    limit = RateLimit(count=2, period_s=60.0)
    front.mount([ApiRoute(step_id="a", method="GET", path="/a", rate=limit)])
    return TestClient(front.app)


def test_answers_tell_the_limit_and_one_too_many_is_a_429(client: TestClient) -> None:
    answers = [client.simulate_get("/a") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    names = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "retry-after")
    assert [[answer.headers.get(name) for name in names] for answer in answers] == [
        ["2", "1", "30", None], ["2", "0", "60", None], ["2", "0", "60", "30"],
    ]  # fmt: skip
    assert answers[0].headers["ratelimit-policy"] == "2;w=60"
    assert answers[2].json == {"error": "Too many requests"}
