"""What becomes of failed deliveries, as pure arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motia_actors.actors.retry import BuryIt, RetryIn, after_failure, delay_s
from motia_actors.messages import Failed
from motia_actors.steps.config import Backoff, QueuePolicy

FAILED = Failed(kind="ValueError", message="boom", stack="in handler")


def test_the_default_is_four_runs_two_seconds_apart() -> None:
    policy = QueuePolicy()

    decisions = [after_failure(policy, FAILED, attempt=n, chance=0.5) for n in (1, 2, 3, 4)]

    assert decisions[:3] == [RetryIn(2.0)] * 3
    assert isinstance(decisions[3], BuryIt)


def test_a_buried_delivery_says_what_it_died_of() -> None:
    decision = after_failure(QueuePolicy(retries_max=0), FAILED, attempt=1, chance=0.5)

    assert decision == BuryIt("ValueError: boom", "in handler")


def test_what_a_retry_cannot_mend_is_buried_at_once() -> None:
    failed = Failed(kind="InvalidInputError", message="no name", is_final=True)

    assert isinstance(after_failure(QueuePolicy(), failed, attempt=1, chance=0.5), BuryIt)


@pytest.mark.parametrize(
    ("kind", "delays_s"),
    [("fixed", [3.0, 3.0, 3.0]), ("linear", [3.0, 6.0, 9.0]), ("exponential", [3.0, 6.0, 12.0])],
)
def test_backoff_grows_by_its_type(kind: str, delays_s: list[float]) -> None:
    backoff = Backoff(type=kind, delay_s=3.0)  # type: ignore[arg-type]  # the table's text

    assert [delay_s(backoff, attempt=n, chance=0.5) for n in (1, 2, 3)] == delays_s


@given(st.integers(1, 5000), st.floats(0, 1), st.floats(0, 1))
def test_jitter_stays_around_a_delay_that_stays_below_its_limit(
    attempt: int, chance: float, jitter: float
) -> None:
    backoff = Backoff(type="exponential", delay_s=1.0, delay_s_max=60.0, jitter=jitter)

    plain_s = delay_s(backoff, attempt=attempt, chance=0.5)
    waited_s = delay_s(backoff, attempt=attempt, chance=chance)

    assert 0 < plain_s <= 60.0
    assert plain_s * (1 - jitter) - 1e-9 <= waited_s <= plain_s * (1 + jitter) + 1e-9
