"""Steps declared by decorators: objects in and out, as if their schemas had been written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from motia_actors.runners.python import PythonRunner
from motia_actors.steps.config import Problem
from motia_actors.steps.discovery import discover
from motia_actors.steps.openapi import document
from motia_actors.steps.python_types import motia_types_pyi
from motia_actors.testing import FakeContext, Harness
from tests.e2e.server import write_project

MYPY_S_MAX = 120
MODELS = {
    "pydantic": """
        from pydantic import BaseModel

        class NewOrder(BaseModel):
            item: str
            quantity: int

        class Order(BaseModel):
            id: str
            total: float
    """,
    "msgspec": """
        import msgspec

        class NewOrder(msgspec.Struct):
            item: str
            quantity: int

        class Order(msgspec.Struct):
            id: str
            total: float
    """,
    "dataclass": """
        from dataclasses import dataclass

        @dataclass
        class NewOrder:
            item: str
            quantity: int

        @dataclass
        class Order:
            id: str
            total: float
    """,
}
STEPS = {
    "steps/create_order_step.py": """
        from __future__ import annotations

        from motia_actors import Context, api
        from src.models import NewOrder, Order

        @api(path="/orders", method="POST", emits=["order.created"], flows=["orders"])
        async def create_order(body: NewOrder, context: Context) -> Order:
            order = Order(id=body.item, total=body.quantity * 2.5)
            await context.emit({"topic": "order.created", "data": order})
            return order
    """,
    "steps/keep_order_step.py": """
        from motia_actors import Context, event
        from src.models import Order

        @event(subscribes=["order.created"])
        def keep(order: Order, context: Context) -> None:
            context.state.set("totals", order.id, order.total)
    """,
    "steps/replace_order_step.py": """
        from motia_actors import Context, Request, api
        from src.models import NewOrder

        @api(name="Replace", path="/orders/:id", method="PUT", ISOLATION)
        def handler(request: Request[NewOrder], context: Context):
            body = {"id": request.params["id"], "item": request.body.item}
            return {"status": 202, "body": body}
    """,
    "steps/get_order_step.py": """
        config = {"name": "Get", "type": "api", "path": "/orders/:id", "method": "GET"}

        def handler(req, context):
            return {"status": 200, "body": context.state.get("totals", req.params["id"])}
    """,
}
ROOT = Path(__file__).resolve().parents[1]
ISOLATED = 'infrastructure={"isolation": "process"}'


def written(target: Path, files: dict[str, str]) -> Path:
    return write_project(target, {name: dedent(text) for name, text in files.items()})


def project(tmp_path: Path, models: str, *, more: str = "") -> Path:
    files = {**STEPS, "src/models.py": MODELS[models]}
    name = "steps/replace_order_step.py"
    files[name] = files[name].replace(", ISOLATION", f", {more}" if more else "")
    return written(tmp_path / "shop", files)


@pytest.fixture(params=[*MODELS, "isolated"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    is_isolated = request.param == "isolated"
    models, more = ("pydantic", ISOLATED) if is_isolated else (request.param, "")
    with Harness(project(tmp_path, models, more=more)) as app:
        yield app


@pytest.mark.slow
def test_objects_come_in_and_go_out_beside_a_dict_step(shop: Harness) -> None:
    made = shop.request("POST", "/orders", json={"item": "tea", "quantity": 2})
    shop.settle()

    assert (made.status, made.json) == (200, {"id": "tea", "total": 5.0})
    assert shop.request("GET", "/orders/tea").json == 5.0
    put = shop.request("PUT", "/orders/9", json={"item": "jug", "quantity": 1})
    assert (put.status, put.json) == (202, {"id": "9", "item": "jug"})


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), [("POST", "/orders"), ("PUT", "/orders/1")])
def test_a_wrong_body_is_the_400_of_a_written_schema(shop: Harness, method: str, path: str) -> None:
    answer = shop.request(method, path, json={"item": "tea", "quantity": "two"})

    assert answer.status == 400
    assert answer.json == {
        "error": "Invalid request body",
        "details": [{"path": "quantity", "message": "must be integer"}],
    }


@pytest.mark.parametrize("models", [*MODELS])
def test_schemas_of_annotations_are_in_openapi_and_in_types(tmp_path: Path, models: str) -> None:
    root = project(tmp_path, models)
    runner = PythonRunner(root)
    try:
        catalog = discover(root, runner.load)
    finally:
        runner.close()

    assert catalog.problems == ()
    steps = {step.name: step for step in catalog.steps}
    api = document(catalog.steps, title="shop")
    assert {"create_order", "keep", "Replace", "Get"} == steps.keys()
    for schema, fields in [
        (steps["create_order"].body_schema, {"item", "quantity"}),
        (steps["create_order"].response_schema["200"], {"id", "total"}),
        (steps["Replace"].body_schema, {"item", "quantity"}),
        (steps["keep"].input_schema, {"id", "total"}),
    ]:
        assert schema is not None
        assert all(f"'{field}'" in str(schema) for field in fields)
    described = str(api)
    assert "'quantity'" in described
    assert "'total'" in described
    assert "total" in motia_types_pyi(catalog)


def load(tmp_path: Path, text: str) -> tuple[list[Problem], list[str]]:
    root = write_project(tmp_path / "one", {"steps/one_step.py": text})
    runner = PythonRunner(root)
    try:
        catalog = discover(root, runner.load)
    finally:
        runner.close()
    return [one for one in catalog.problems if one.severity == "error"], [
        f"{one.kind} {one.name}" for one in catalog.steps
    ]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('@api(pth="/", method="GET")\ndef a(r): ...', 4, "no field 'pth'; write path"),
        ('@api(path="/")\ndef a(r): ...', 4, "@api wants method"),
        ("@event()\ndef a(r): ...", 4, "@event wants subscribes"),
        ('@cron(cron="* * * * *")\nclass A: ...', 4, "above a type, not a function"),
        ('@cron(cron="* * * * *")\n@noop()\ndef a(): ...', 4, "is a noop step"),
        ("@noop()\ndef a(): ...\n@noop()\ndef b(): ...", 6, "declares 2 steps, a, b"),
        ("config = {'type': 'noop'}\n@noop()\ndef a(): ...", 5, "it has a config"),
        ('@event(subscribes=["t"])\ndef a(x: Later): ...', 4, "'Later' is not defined"),
        ('@event(subscribes=["t"])\ndef a(x: type(load)): ...', 4, "no value can be made"),
        ('@event(subscribes=["t"])\ndef a(x: Context): ...', 4, "put the input first"),
    ],
)
def test_a_bad_use_is_an_error_with_its_line(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    head = "from __future__ import annotations\nfrom motia_actors import *\nload = lambda: 0\n"

    problems, steps = load(tmp_path, head + text)

    assert steps == []
    [problem] = problems
    assert (problem.file, problem.line) == ("steps/one_step.py", line)
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("@cron(cron='* * * * *')\ndef tick(context): ...", "cron tick"),
        ("@noop(name='Drawn')\ndef drawn(): ...", "noop Drawn"),
        ("@event(subscribes=['t'])\ndef handler(data: dict): ...", "event one"),
        ("config = {'debug': True}\n@noop()\ndef drawn(): ...", "noop drawn"),
    ],
)
def test_each_kind_is_found_and_its_function_names_it(tmp_path: Path, text: str, step: str) -> None:
    assert load(tmp_path, f"from motia_actors import cron, event, noop\n{text}") == ([], [step])


REFUSING = {
    "steps/put_step.py": """
        from typing import Annotated
        from motia_actors import api
        from pydantic import AfterValidator, BaseModel

        def even(value: int) -> int:
            if value % 2:
                raise ValueError("it is odd")
            return value

        class Pair(BaseModel):
            count: Annotated[int, AfterValidator(even)]

        @api(path="/pairs", method="PUT", emits=["paired"])
        def put(pairs: list[Pair], context):
            return {"status": 200, "body": [pair.count for pair in pairs]}
    """,
    "steps/emit_step.py": """
        config = {"name": "Emit", "type": "api", "path": "/emit", "method": "POST", "emits": []}

        def handler(req, context):
            context.emit({"topic": "paired", "data": {"count": 3}})
            return {"status": 200}
    """,
    "steps/take_step.py": """
        from motia_actors import event
        from steps.put_step import Pair

        @event(subscribes=["paired"])
        def take(pair: Pair): ...
    """,
}


@pytest.mark.slow
def test_what_only_the_models_validators_refuse_is_a_400_too(tmp_path: Path) -> None:
    with Harness(written(tmp_path / "pairs", REFUSING)) as app:
        good = app.request("PUT", "/pairs", json=[{"count": 2}])
        wrong = app.request("PUT", "/pairs", json=[{"count": 2}, {"count": 3}])

    assert good.json == [2]
    assert wrong.status == 400
    [detail] = wrong.json["details"]
    assert detail["path"] == "1.count"
    assert "it is odd" in detail["message"]


STRICT = {
    "steps/due_step.py": """
        from datetime import date
        from motia_actors import Request, api
        from pydantic import BaseModel, ConfigDict, Field
        from pydantic.dataclasses import dataclass

        class Due(BaseModel):
            model_config = ConfigDict(strict=True)
            on: date

        @dataclass
        class Dues:
            dues: list[Due] = Field(max_length=1)

        @api(path="/dues", method="POST")
        async def due(request: Request[Dues]):
            return {"status": 200, "body": request.body.dues[0].on.year}
    """,
}


@pytest.mark.slow
def test_strict_models_take_dates_and_pydantic_dataclasses_keep_limits(tmp_path: Path) -> None:
    due = {"on": "2026-11-26"}
    with Harness(written(tmp_path / "dues", STRICT)) as app:
        good = app.request("POST", "/dues", json={"dues": [due]})
        wrong = app.request("POST", "/dues", json={"dues": [due, due]})

    assert (good.status, good.json) == (200, 2026)
    assert wrong.status == 400
    assert wrong.json["details"][0]["path"] == "dues"


@pytest.mark.slow
def test_an_event_that_validators_refuse_is_a_dead_letter_at_once(tmp_path: Path) -> None:
    with Harness(written(tmp_path / "pairs", REFUSING)) as app:
        app.request("POST", "/emit", json={})
        app.settle()
        [letter] = app.dead_letters("take")

    assert letter.attempts == 1
    assert "it is odd" in letter.error


def test_a_declared_function_is_called_as_it_is() -> None:
    from motia_actors import Context, event

    @event(subscribes=["t"])
    async def double(value: int, context: Context) -> int:
        return value * 2

    assert FakeContext().run(double, 4) == 8


def test_the_package_alone_imports_nothing_more() -> None:
    code = (
        "import sys; before = set(sys.modules); import motia_actors;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "['motia_actors']"


TYPED = """
    from dataclasses import dataclass
    from motia_actors import Context, Request, api, cron, event

    @dataclass
    class Order:
        item: str

    @api(path="/orders", method="POST", emits=["created"])
    async def create(request: Request[Order], context: Context) -> Order:
        await context.emit({"topic": "created", "data": request.body})
        return request.body

    @event(subscribes=["created"])
    def keep(order: Order, context: Context) -> None:
        context.state.set("orders", order.item, order)

    @cron(cron="0 * * * *")
    def tick(context: Context) -> None:
        context.logger.info(context.trace_id)

    def use(request: Request, context: Context) -> str:
        keep(Order("tea"), context)
        return request.path
"""


def mypy(tmp_path: Path, text: str) -> str:
    (tmp_path / "typed_step.py").write_text(dedent(text), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir",
         str(tmp_path / "cache"), "--follow-imports", "silent", "typed_step.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=MYPY_S_MAX, check=False,
        env={**os.environ, "MYPYPATH": str(ROOT)},
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(2 * MYPY_S_MAX)
def test_mypy_passes_a_typed_project_and_finds_each_slip(tmp_path: Path) -> None:
    slips = {
        "request.body\n\n": ("request.body.price\n\n", '"price"'),
        'method="POST"': ('method="FETCH"', "FETCH"),
        'subscribes=["created"]': ('subscribe=["created"]', "subscribe"),
        "def tick(context: Context)": ("def tick(a: int, context: Context)", "type-var"),
        'keep(Order("tea"), context)': ('keep("tea", context)', "arg-type"),
        "return request.path": ("return request.body", "Any"),
    }

    assert "Success" in mypy(tmp_path, TYPED)
    text = dedent(TYPED)
    for right, (wrong, _) in slips.items():
        assert right in text
        text = text.replace(right, wrong)
    said = mypy(tmp_path, text)
    for _, found in slips.values():
        assert found in said, said
