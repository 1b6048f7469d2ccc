"""Dead letters over HTTP: list, show, replay, purge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from falcon.testing import TestClient

from motia_actors.clock import ManualClock
from motia_actors.errors import UsageError
from motia_actors.letters import find_step
from motia_actors.messages import Event, Target
from motia_actors.payload import encode
from motia_actors.store import Bury, EventPut, Lease
from motia_actors.stores.memory import MemoryStore
from motia_actors.web.api import Front, WebSettings
from motia_actors.web.dead_letters import Letterbox, dead_letter_routes
from motia_actors.web.limits import Limits
from tests.web.front import Steps

CHARGE = "steps/charge_step.py"
PATH = "/__motia/dlq"


class Box(Letterbox):
    """Two steps, one with dead letters."""

    def __init__(self) -> None:
        self.store = MemoryStore(ManualClock())
        self.store.open()

    def step_names(self) -> Mapping[str, str]:
        return {CHARGE: "Charge", "steps/ship_step.py": "Ship"}

    def bury(self, *payloads: object) -> None:
        for number, value in enumerate(payloads):
            event = Event(id=f"e{number}", topic="order", data=encode(value), trace_id="T")
            self.store.write(EventPut(event=event, targets=(Target(step=CHARGE),)))
        count = len(payloads)
        for delivery in self.store.write(Lease(step=CHARGE, count_max=count, visibility_s=60)):
            self.store.write(Bury(delivery=delivery, error="ValueError: no", stack="in charge"))


@pytest.fixture
def box() -> Iterator[Box]:
    box = Box()
    yield box
    box.store.close()


@pytest.fixture
def client(box: Box) -> TestClient:
    steps = Steps()
    front = Front(
        WebSettings(), asker=steps, new_trace_id=str, log=steps.log,
        reserved=dead_letter_routes(box, Limits()),
    )  # fmt: skip
    return TestClient(front.app)


def letters(client: TestClient, **query: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = client.simulate_get(
        f"{PATH}/letters", params={"step": "Charge", **query}
    ).json["letters"]
    return found


def test_steps_with_dead_letters_are_counted(client: TestClient, box: Box) -> None:
    box.bury(1, 2)

    steps = client.simulate_get(PATH).json["steps"]

    assert steps == [{"step": CHARGE, "name": "Charge", "dead": 2}]


def test_a_letter_tells_what_it_was_and_what_it_died_of(client: TestClient, box: Box) -> None:
    box.bury({"n": 1})

    [letter] = letters(client)
    one = client.simulate_get(f"{PATH}/letters/{letter['id']}", params={"step": CHARGE}).json

    assert one == letter
    assert letter["data"] == {"n": 1}
    assert (letter["error"], letter["stack"]) == ("ValueError: no", "in charge")
    assert (letter["attempts"], letter["traceId"], letter["topic"]) == (1, "T", "order")
    assert letter["diedAt"] == "2023-11-14T22:13:20.000+00:00"


def test_letters_come_page_by_page(client: TestClient, box: Box) -> None:
    box.bury(1, 2, 3)

    first = letters(client, limit="2")
    rest = letters(client, after=str(first[-1]["id"]))

    assert [one["data"] for one in (*first, *rest)] == [1, 2, 3]
    assert len(first) == 2


def test_replay_gives_all_back_or_those_that_are_named(client: TestClient, box: Box) -> None:
    box.bury(1, 2, 3)
    chosen = letters(client)[1]["id"]

    some = client.simulate_post(f"{PATH}/replay", json={"step": "Charge", "ids": [chosen]})
    rest = client.simulate_post(f"{PATH}/replay", json={"step": "Charge"})

    assert (some.json, rest.json) == ({"replayed": 1}, {"replayed": 2})
    given = box.store.write(Lease(step=CHARGE, count_max=9, visibility_s=1))
    assert sorted(one.event.data for one in given) == [b"1", b"2", b"3"]
    assert letters(client) == []


def test_replay_takes_a_payload_that_was_mended(client: TestClient, box: Box) -> None:
    box.bury({"total": -1})
    [letter] = letters(client)

    body = {"step": CHARGE, "ids": [letter["id"]], "data": {"total": 1}}
    client.simulate_post(f"{PATH}/replay", json=body)

    [again] = box.store.write(Lease(step=CHARGE, count_max=9, visibility_s=1))
    assert (again.event.data, again.attempt) == (b'{"total":1}', 1)


def test_purge_forgets(client: TestClient, box: Box) -> None:
    box.bury(1, 2)
    first = letters(client)[0]["id"]

    one = client.simulate_post(f"{PATH}/purge", json={"step": "Charge", "ids": [first]})
    rest = client.simulate_post(f"{PATH}/purge", json={"step": "Charge"})

    assert (one.json, rest.json) == ({"purged": 1}, {"purged": 1})
    assert box.store.events.steps() == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("replay", {"step": "Nobody"}),
        ("replay", {"step": "Charge", "data": 1}),
        ("replay", {"step": "Charge", "ids": "all"}),
        ("purge", {"ids": []}),
        ("purge", [1]),
    ],
)
def test_what_makes_no_sense_is_a_400_and_changes_nothing(
    client: TestClient, box: Box, path: str, body: object
) -> None:
    box.bury(1, 2)

    result = client.simulate_post(f"{PATH}/{path}", json=body)

    assert result.status_code == 400
    assert result.json["error"]
    assert len(letters(client)) == 2


def test_a_letter_that_is_not_there_is_a_404(client: TestClient, box: Box) -> None:
    box.bury(1)

    assert client.simulate_get(f"{PATH}/letters/none?step=Charge").status_code == 404
    assert client.simulate_get(f"{PATH}/letters?step=Charge&limit=many").status_code == 400


def test_a_step_is_known_by_id_name_or_file() -> None:
    ids = ["steps/a_step.py", "src/a_step.py", "src/b_step.py"]
    names = {"steps/a_step.py": "Twin", "src/a_step.py": "Twin", "src/b_step.py": "Solo"}

    assert find_step("src/a_step.py", ids) == "src/a_step.py"
    assert find_step("b_step.py", ids) == "src/b_step.py"
    assert find_step("Solo", (), names) == "src/b_step.py"
    for unclear in ("a_step.py", "Twin", "c"):
        with pytest.raises(UsageError):
            find_step(unclear, ids, names)
