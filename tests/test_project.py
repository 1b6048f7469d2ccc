"""A project read again: what an edit changes, and that a broken one changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from motia_actors.messages import Call, Request, Returned
from motia_actors.project import KEPT, Project, Reread, summary
from motia_actors.runner import Handler
from motia_actors.runners.python import PythonRunner
from tests.runners.rig import Rig

STEP = """
{imports}
config = {{"name": "{name}", "type": "api", "path": "/{name}", "method": "GET", "emits": []}}

def handler(req, context):
    return {value}
"""
STREAM = "config = {'name': '%s', 'schema': {}, 'baseConfig': {'storageType': 'default'}}"


class Shop:
    """A project on disk, and the project as it was read."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runner = PythonRunner(root)
        self.project = Project(root, [self.runner])

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    def step(self, name: str, value: str, *, imports: str = "") -> Path:
        text = STEP.format(name=name, value=value, imports=imports)
        return self.write(f"steps/{name}_step.py", text)

    def answer(self, name: str) -> object:
        """What the step's handler, as it runs now, returns."""
        handler = self.project.catalog.handlers[f"steps/{name}_step.py"]
        effects = Rig().effects()
        call = Call(kind="api", trace_id="T", flows=(), input=Request())
        # The catalog does not know what a handler is; the runner that made it does.
        outcome = cast("Handler", handler).run(call, effects)
        assert isinstance(outcome, Returned), outcome
        return outcome.value

    def reread(self, *paths: Path) -> Reread:
        return self.project.reread(paths)

    @property
    def names(self) -> list[str]:
        return [step.name for step in self.project.catalog.steps]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path)
    shop.step("ask", "1")
    shop.step("bid", "1")
    shop.project.read()
    yield shop
    shop.runner.close()


def test_reading_finds_steps_and_streams_in_the_order_of_their_files(shop: Shop) -> None:
    shop.write("src/rooms_stream.py", STREAM % "rooms")

    catalog = shop.project.read()

    assert [step.id for step in catalog.steps] == ["steps/ask_step.py", "steps/bid_step.py"]
    assert [stream.name for stream in catalog.streams] == ["rooms"]
    assert shop.project.catalog is catalog


def test_an_edit_of_one_step_leaves_the_others_alone(shop: Shop) -> None:
    before = shop.project.catalog.handlers

    reread = shop.reread(shop.step("ask", "2"))

    assert reread.changed == {"steps/ask_step.py"}
    assert not reread.problems
    assert not reread.is_layout_new
    assert shop.answer("ask") == 2
    after = shop.project.catalog.handlers
    assert after["steps/bid_step.py"] is before["steps/bid_step.py"]


def test_an_edit_of_infrastructure_toml_is_taken_over(shop: Shop) -> None:
    text = '["steps/ask_step.py"]\nconcurrency = 3\n'

    reread = shop.reread(shop.write("infrastructure.toml", text))

    assert "steps/ask_step.py" in reread.changed
    assert reread.catalog.steps[0].infrastructure.concurrency == 3


def test_a_broken_infrastructure_toml_leaves_what_ran_before(shop: Shop) -> None:
    shop.reread(shop.write("infrastructure.toml", '["steps/ask_step.py"]\nconcurrency = 3\n'))

    reread = shop.reread(shop.write("infrastructure.toml", "[broken"))

    (problem,) = reread.problems
    assert problem.file.endswith("infrastructure.toml")
    assert shop.project.catalog.steps[0].infrastructure.concurrency == 3


def test_a_path_may_be_relative_to_the_project(shop: Shop) -> None:
    shop.step("ask", "2")

    reread = shop.reread(Path("steps/ask_step.py"))

    assert reread.changed == {"steps/ask_step.py"}
    assert shop.answer("ask") == 2


def test_a_new_config_is_a_new_layout(shop: Shop) -> None:
    text = STEP.format(name="ask", value="1", imports="").replace("GET", "POST")

    reread = shop.reread(shop.write("steps/ask_step.py", text))

    assert reread.is_layout_new
    assert [step.method for step in reread.catalog.steps] == ["POST", "GET"]


def test_an_added_step_is_taken_over(shop: Shop) -> None:
    reread = shop.reread(shop.step("cap", "3"))

    assert reread.is_layout_new
    assert reread.changed == {"steps/cap_step.py"}
    assert shop.names == ["ask", "bid", "cap"]


def test_a_removed_step_is_forgotten(shop: Shop) -> None:
    path = shop.root / "steps/ask_step.py"
    path.unlink()

    reread = shop.reread(path)

    assert reread.is_layout_new
    assert reread.changed == set()
    assert shop.names == ["bid"]
    assert "steps/ask_step.py" not in reread.catalog.handlers


def test_an_added_and_a_removed_stream_are_taken_over(shop: Shop) -> None:
    path = shop.write("steps/rooms_stream.py", STREAM % "rooms")
    added = shop.reread(path)
    path.unlink()
    removed = shop.reread(path)

    assert [stream.name for stream in added.catalog.streams] == ["rooms"]
    assert added.is_layout_new
    assert removed.catalog.streams == ()
    assert removed.is_layout_new


BROKEN = [
    pytest.param("config = {", id="syntax"),
    pytest.param("import nowhere_to_be_found", id="import"),
    pytest.param("raise SystemExit(3)", id="exit"),
    pytest.param("config = {'name': 'ask', 'type': 'api', 'method': 'GET'}", id="config"),
    pytest.param("config = {'name': 'a', 'type': 'cron', 'cron': '61 * * * *'}", id="cron"),
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_edit_keeps_the_old_version_and_says_so(shop: Shop, text: str) -> None:
    reread = shop.reread(shop.write("steps/ask_step.py", text))

    assert reread.changed == set()
    assert not reread.is_layout_new
    assert shop.answer("ask") == 1
    assert {problem.file for problem in reread.problems} == {"steps/ask_step.py"}
    assert all(KEPT in problem.way_out for problem in reread.problems)


@pytest.mark.parametrize("text", BROKEN)
def test_a_mended_edit_is_taken_over(shop: Shop, text: str) -> None:
    shop.reread(shop.write("steps/ask_step.py", text))

    reread = shop.reread(shop.step("ask", "2"))

    assert reread.changed == {"steps/ask_step.py"}
    assert not reread.problems
    assert shop.answer("ask") == 2


@pytest.mark.parametrize("text", BROKEN)
def test_a_step_that_never_ran_is_not_said_to_go_on(shop: Shop, text: str) -> None:
    path = shop.write("steps/cap_step.py", text)
    shop.reread(path)

    reread = shop.reread(path)

    assert {problem.file for problem in reread.problems} == {"steps/cap_step.py"}
    assert not [problem for problem in reread.problems if KEPT in problem.way_out]
    assert shop.names == ["ask", "bid"]


def test_an_edit_that_can_run_with_a_warning_is_taken_over(shop: Shop) -> None:
    text = STEP.format(name="ask", value="2", imports="")
    text = text.replace('"emits"', '"bodySchema": {"type": "objekt"}, "emits"')

    reread = shop.reread(shop.write("steps/ask_step.py", text))

    assert reread.changed == {"steps/ask_step.py"}
    assert [(problem.severity, problem.field) for problem in reread.problems] == [
        ("warning", "bodySchema")
    ]
    assert shop.answer("ask") == 2


def test_an_edit_of_another_step_leaves_the_kept_version_running(shop: Shop) -> None:
    shop.reread(shop.write("steps/ask_step.py", "config = {"))

    reread = shop.reread(shop.step("bid", "2"))

    assert reread.changed == {"steps/bid_step.py"}
    assert (shop.answer("ask"), shop.answer("bid")) == (1, 2)


def test_an_edit_of_a_helper_module_is_taken_over_by_who_imports_it(shop: Shop) -> None:
    shop.write("src/prices.py", "price = 1")
    shop.step("ask", "price", imports="from src.prices import price")
    shop.project.read()

    reread = shop.reread(shop.write("src/prices.py", "price = 20"))

    assert reread.changed == {"steps/ask_step.py"}
    assert shop.answer("ask") == 20


def test_a_broken_helper_keeps_every_step_and_the_mended_one_is_taken_over(shop: Shop) -> None:
    shop.write("src/prices.py", "price = 1")
    shop.step("ask", "price", imports="from src.prices import price")
    shop.project.read()

    broken = shop.reread(shop.write("src/prices.py", "price = ("))
    answered = shop.answer("ask")
    mended = shop.reread(shop.write("src/prices.py", "price = 30"))

    assert broken.changed == set()
    assert [problem.file for problem in broken.problems] == ["steps/ask_step.py"]
    assert answered == 1
    assert mended.problems == ()
    assert shop.answer("ask") == 30


def test_a_name_changed_in_a_helper_first_and_then_in_its_step_is_taken_over(shop: Shop) -> None:
    shop.write("src/prices.py", "price = 1")
    shop.step("ask", "price", imports="from src.prices import price")
    shop.project.read()

    helper = shop.reread(shop.write("src/prices.py", "cost = 40"))
    step = shop.reread(shop.step("ask", "cost", imports="from src.prices import cost"))

    assert [problem.file for problem in helper.problems] == ["steps/ask_step.py"]
    assert step.problems == ()
    assert shop.answer("ask") == 40


def test_a_step_that_was_broken_at_first_does_not_hold_up_helpers(shop: Shop) -> None:
    shop.write("steps/cap_step.py", "config = {")
    shop.write("src/prices.py", "price = 1")
    shop.step("ask", "price", imports="from src.prices import price")
    shop.project.read()

    shop.reread(shop.write("src/prices.py", "price = 50"))

    assert shop.answer("ask") == 50


def test_a_step_in_a_linked_folder_is_known_by_its_place_in_the_project(
    shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("shared")
    (shop.root / "steps" / "shared").symlink_to(elsewhere)
    shop.write("steps/shared/cap_step.py", STEP.format(name="cap", value="1", imports=""))
    shop.project.read()
    edited = STEP.format(name="cap", value="2", imports="")

    reread = shop.reread(shop.write("steps/shared/cap_step.py", edited))

    assert reread.changed == {"steps/shared/cap_step.py"}
    assert shop.answer("shared/cap") == 2


def test_a_file_outside_the_project_changes_nothing(shop: Shop) -> None:
    reread = shop.reread(shop.root.parent / "elsewhere" / "ask_step.py")

    assert reread.changed == set()
    assert not reread.is_layout_new


def test_a_language_without_a_runner_is_a_problem_of_its_file(shop: Shop) -> None:
    reread = shop.reread(shop.write("steps/cap.step.ts", "export const config = {}"))

    assert [problem.file for problem in reread.problems] == ["steps/cap.step.ts"]
    assert "no runner for .ts files" in reread.problems[0].reason
    assert shop.names == ["ask", "bid"]


def test_modules_that_did_not_change_keep_what_they_hold(shop: Shop) -> None:
    shop.write("src/cache.py", "kept = []")
    shop.write("src/prices.py", "price = 1")
    shop.step("bid", "kept.append(1) or len(kept)", imports="from src.cache import kept")
    shop.step("ask", "price", imports="from src.prices import price")
    shop.project.read()
    shop.answer("bid")

    reread = shop.reread(shop.write("src/prices.py", "price = 2"))

    assert reread.changed == {"steps/ask_step.py"}
    assert (shop.answer("ask"), shop.answer("bid")) == (2, 2)


def test_who_imports_a_helper_by_its_package_gets_the_new_one(shop: Shop) -> None:
    shop.write("src/prices.py", "price = 1")
    shop.step("ask", "prices.price", imports="from src import prices")
    shop.project.read()

    shop.reread(shop.write("src/prices.py", "price = 60"))

    assert shop.answer("ask") == 60


def test_a_step_that_another_imports_takes_that_one_along(shop: Shop) -> None:
    shop.step("ask", "bid_step.LIMIT", imports="from steps import bid_step")
    shop.step("bid", "1", imports="LIMIT = 1")
    shop.project.read()

    reread = shop.reread(shop.step("bid", "1", imports="LIMIT = 70"))

    assert reread.changed == {"steps/ask_step.py", "steps/bid_step.py"}
    assert shop.answer("ask") == 70


def test_a_helper_that_nobody_imports_changes_nothing(shop: Shop) -> None:
    reread = shop.reread(shop.write("src/unused.py", "x = 1"))

    assert reread.changed == set()
    assert not reread.is_layout_new


def test_a_missing_helper_that_comes_mends_its_step(shop: Shop) -> None:
    shop.step("cap", "price", imports="from src.prices import price")
    shop.project.read()

    reread = shop.reread(shop.write("src/prices.py", "price = 80"))

    assert reread.changed == {"steps/cap_step.py"}
    assert shop.answer("cap") == 80


def test_a_summary_says_what_came_changed_went_and_broke(shop: Shop) -> None:
    paths = [shop.step("a", "1"), shop.step("b", "1"), shop.step("c", "1")]
    shop.reread(*paths)
    former = shop.project.catalog
    paths[0].unlink()
    shop.step("b", "2")
    shop.write("steps/c_step.py", "1 +")
    new = shop.step("e", "1")
    stream = shop.write("steps/new_stream.py", STREAM % "new")

    change = shop.reread(*paths, new, stream)

    assert summary(former, change) == (
        "added steps/e_step.py, steps/new_stream.py; changed steps/b_step.py; "
        "removed steps/a_step.py; broken steps/c_step.py"
    )


def test_an_edit_of_nothing_has_no_summary(shop: Shop) -> None:
    former = shop.project.catalog

    assert summary(former, shop.reread(shop.write("notes.py", "1"))) == ""


def test_an_edited_stream_is_in_the_summary(shop: Shop) -> None:
    shop.reread(path := shop.write("steps/new_stream.py", STREAM % "new"))
    former = shop.project.catalog
    path.write_text(STREAM % "newer", "utf-8")

    assert summary(former, shop.reread(path)) == "changed steps/new_stream.py"
