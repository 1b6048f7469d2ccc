"""Values that handlers change in one step, in every language and in both ways of writing them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from motia_actors.errors import ConflictError, UsageError
from motia_actors.runners import updating
from tests.runners.node_rig import NodeProject
from tests.runners.rig import Project, Rig
from tests.runners.test_context import context_of
from tests.runners.test_handler import handler_of


@pytest.mark.parametrize("word", ["", "await "])
def test_values_are_changed_in_both_spellings(either: Project, rig: Rig, word: str) -> None:
    kind = "async def" if word else "def"
    loaded = either.step(
        f"""
        {kind} handler(req, context):
            s = context.state

            def add(cart):
                cart["items"].append("milk")
                return cart

            return [
                {word}s.increment("g", "n"), {word}s.increment("g", "n", 4),
                {word}s.increment("g", "n", by=-1.5),
                {word}s.update("g", "cart", {{"items": ["tea"]}}),
                {word}s.update("g", "cart", {{"paid": False}}),
                {word}s.update("g", "cart", add),
                {word}s.update("g", "new", lambda old: [old]),
                {word}s.compare_and_set("g", "lock", None, "me"),
                {word}s.compare_and_set("g", "lock", None, "you"),
                {word}s.compare_and_set("g", "lock", "me", None),
                {word}s.keys("g"),
            ]
        """
    )

    cart = {"items": ["tea"], "paid": False}
    assert rig.value(loaded.handler) == [
        *(1, 5, 3.5, {"items": ["tea"]}, cart, {**cart, "items": ["tea", "milk"]}, [None]),
        *(True, False, True, ["cart", "lock", "n", "new"]),
    ]


@pytest.mark.slow
def test_values_are_changed_in_javascript(rig: Rig, node: NodeProject) -> None:
    handler = node.handler(
        """
        const s = ctx.state
        const add = async (cart) => { cart.items.push('milk'); return cart }
        return { body: [
          await s.increment('g', 'n'), await s.increment('g', 'n', 4),
          await s.increment('g', 'n', -1.5),
          await s.update('g', 'cart', { items: ['tea'] }),
          await s.update('g', 'cart', { paid: false }),
          await s.update('g', 'cart', add), await s.update('g', 'new', (old) => [old]),
          await s.compareAndSet('g', 'lock', undefined, 'me'),
          await s.compareAndSet('g', 'lock', null, 'you'),
          await s.compareAndSet('g', 'lock', 'me', undefined),
          await s.compareAndSet('g', 'n', 3.5, 9007199254740993n),
          String(await s.increment('g', 'n')), await s.keys('g'),
        ] }
        """
    )

    cart = {"items": ["tea"], "paid": False}
    assert rig.value(handler)["body"] == [
        *(1, 5, 3.5, {"items": ["tea"]}, cart, {**cart, "items": ["tea", "milk"]}, [None]),
        *(True, False, True, True, "9007199254740994", ["cart", "lock", "n", "new"]),
    ]


@pytest.mark.slow
def test_both_languages_count_on_one_counter(rig: Rig, node: NodeProject) -> None:
    in_node = node.handler(
        """
        for (let i = 0; i < 100; i++) {
          await ctx.state.increment('g', 'n')
          await ctx.state.update('g', 'm', (old) => ({ count: (old?.count ?? 0) + 1 }))
        }
        return { body: null }
        """
    )

    async def in_python(req: Any, context: Any) -> None:
        for _ in range(100):
            await context.state.increment("g", "n")
            await context.state.update(
                "g", "m", lambda old: {"count": (old or {"count": 0})["count"] + 1}
            )

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(rig.value, one) for one in (in_node, handler_of(in_python))]
        for one in both:
            one.result(30.0)

    assert rig.effects().state_group("g") == [{"count": 200}, 200]


def test_threads_that_update_by_a_function_lose_nothing(rig: Rig) -> None:
    def count(_: int) -> None:
        state = context_of(rig).state
        for _ in range(50):
            state.update("g", "n", lambda old: (old or 0) + 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))

    assert rig.effects().state_get("g", "n") == 200


def meddling(rig: Rig, times: int) -> Any:
    """A function for `update` in whose calls somebody else writes, so many times."""
    left = list(range(times))

    def change(old: Any) -> Any:
        if left:
            rig.effects().state_set("g", "k", {"by": "other", "left": left.pop()})
        return {"was": old}

    return change


@pytest.mark.parametrize("is_async", [True, False])
def test_a_function_is_called_again_with_what_somebody_else_wrote(rig: Rig, is_async: bool) -> None:
    async def in_loop(req: Any, context: Any) -> Any:
        update = context.state.update("g", "k", meddling(rig, 3))
        return await asyncio.gather(update, context.state.get("g", "none")), await update

    def in_thread(req: Any, context: Any) -> Any:
        updated = context.state.update("g", "k", meddling(rig, 3))
        return [updated, None], updated

    expected = {"was": {"by": "other", "left": 0}}
    answer = rig.value(handler_of(in_loop if is_async else in_thread))

    assert answer == ([expected, None], expected)
    assert rig.effects().state_get("g", "k") == expected


@pytest.mark.parametrize("is_async", [True, False])
def test_an_update_that_others_always_overtake_says_so(
    rig: Rig, is_async: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updating, "_PAUSE_S_MAX", 0.0)
    calls: list[int] = []

    def change(old: Any) -> Any:
        calls.append(1)
        rig.effects().state_increment("g", "k")
        return 0

    async def in_loop(req: Any, context: Any) -> None:
        with pytest.raises(ConflictError, match=r"'k' was changed .* 100 times in a row"):
            await context.state.update("g", "k", change)

    def in_thread(req: Any, context: Any) -> None:
        with pytest.raises(ConflictError, match=r"'k' was changed .* 100 times in a row"):
            context.state.update("g", "k", change)

    rig.value(handler_of(in_loop if is_async else in_thread))

    assert len(calls) == updating.TRIES_MAX
    assert rig.effects().state_get("g", "k") == updating.TRIES_MAX


@pytest.mark.slow
def test_an_update_of_javascript_that_others_always_overtake_says_so(
    rig: Rig, node: NodeProject
) -> None:
    handler = node.handler(
        """
        const random = Math.random
        Math.random = () => 0
        try {
          await ctx.state.update('g', 'k', async () => {
            await ctx.state.increment('g', 'k')
            return 0
          })
        } catch (error) { return { body: [error.name, error.code, error.message] }
        } finally { Math.random = random }
        """
    )

    name, code, message = rig.value(handler)["body"]

    assert (name, code) == ("ConflictError", "CONFLICT")
    assert "state 'g', 'k' was changed by somebody else meanwhile 100 times" in message


def test_an_update_that_nobody_awaited_happens_or_fails_its_run(rig: Rig) -> None:
    async def alone(req: Any, context: Any) -> None:
        context.state.update("g", "n", lambda _: 5)
        context.state.increment("g", "m")

    async def overtaken(req: Any, context: Any) -> None:
        context.state.update("g", "k", meddling(rig, 1))

    rig.value(handler_of(alone))

    assert rig.effects().state_get("g", "n") == 5
    assert rig.effects().state_get("g", "m") == 1
    assert rig.failure(handler_of(overtaken)).kind == "ConflictError"


def test_an_update_comes_after_the_writes_of_its_call_that_are_on_their_way(rig: Rig) -> None:
    async def handler(req: Any, context: Any) -> Any:
        rig.store.is_held = True
        context.state.set("g", "k", 1)
        update = asyncio.ensure_future(context.state.update("g", "k", lambda old: [old]))
        await asyncio.sleep(0)
        await asyncio.to_thread(rig.store.let_go)
        return await update

    assert rig.value(handler_of(handler)) == [1]


def test_a_function_that_raises_writes_nothing(rig: Rig) -> None:
    with pytest.raises(ZeroDivisionError):
        context_of(rig).state.update("g", "k", lambda _: 1 / 0)

    assert rig.effects().state_keys("g") == []


async def awaits(old: Any) -> Any:
    return old


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s: s.increment("g", "k", "1"), "by is '1'; write a number"),
        (lambda s: s.increment("g", "k", True), "by is True; write a number"),
        (lambda s: s.increment("g", "k", float("nan")), "by is nan; write a number"),
        (lambda s: s.update("g", "k", [1]), r"state.update takes objects, not \[1\]"),
        (lambda s: s.update("g", "k", awaits), "state.update takes a plain function"),
        (lambda s: s.update("g", ["k"], {}), "key must be a text"),
        (lambda s: s.set("g", "k", 1, ttl=0), "ttl is 0; write seconds, more than 0"),
        (lambda s: s.set("g", "k", 1, ttl=-1), "ttl is -1; write seconds"),
        (lambda s: s.set("g", "k", 1, ttl="60"), "ttl is '60'; write seconds"),
        (lambda s: s.set("g", "k", 1, ttl=float("inf")), "ttl is inf; write seconds"),
        (lambda s: s.compare_and_set("g", "k", None, 1, ttl=True), "ttl is True; write seconds"),
        (lambda s: s.increment("g", "text"), "'text' holds \"x\", which is no number"),
        (lambda s: s.update("g", "text", {}), "'text' holds \"x\", which is no object"),
    ],
)
def test_a_wrong_call_is_refused_in_a_sentence(rig: Rig, call: Any, said: str) -> None:
    context = context_of(rig)
    context.state.set("g", "text", "x")

    with pytest.raises(UsageError, match=said):
        call(context.state)


@pytest.mark.slow
def test_a_wrong_call_in_javascript_is_refused_in_a_sentence(rig: Rig, node: NodeProject) -> None:
    handler = node.handler(
        """
        await ctx.state.set('g', 'text', 'x')
        const said = []
        for (const call of [
          () => ctx.state.increment('g', 'text'), () => ctx.state.increment('g', 'k', NaN),
          () => ctx.state.set('g', 'k', 1, { ttl: '60' }),
          () => ctx.state.update('g', 'k'), () => ctx.state.update('g', 'text', { a: 1 }),
        ]) said.push(await call().then(() => 'done', (error) => `${error.name}: ${error.message}`))
        return { body: said }
        """
    )

    number, by, ttl, patch, fields = rig.value(handler)["body"]

    assert number.startswith("UsageError: state 'g', 'text' holds \"x\", which is no number")
    assert by == "UsageError: by is None; write a number"
    assert ttl == "UsageError: ttl is '60'; write seconds, from 0 on"
    assert patch.startswith("UsageError: state.update takes objects, not None")
    assert fields.startswith("UsageError: state 'g', 'text' holds \"x\", which is no object")


def after(rig: Rig, seconds: float) -> list[Any]:
    rig.clock.advance(seconds)
    return rig.effects().state_keys("g")


@pytest.mark.parametrize("word", ["", "await "])
def test_a_value_lives_for_its_seconds_in_both_spellings(
    either: Project, rig: Rig, word: str
) -> None:
    loaded = either.step(
        f"""
        {"async def" if word else "def"} handler(req, context):
            s = context.state
            return [
                {word}s.set("g", "a", 1, ttl=10), {word}s.set("g", "b", 2, ttl=0.5),
                {word}s.compare_and_set("g", "c", None, 3, ttl=20),
                {word}s.increment("g", "a"), {word}s.set("g", "d", 4, ttl=None),
            ]
        """
    )

    assert rig.value(loaded.handler) == [1, 2, True, 2, 4]
    assert [after(rig, one) for one in (0.4, 0.1, 9.5, 10.0)] == [
        *(["a", "b", "c", "d"], ["a", "c", "d"], ["c", "d"], ["d"])
    ]


@pytest.mark.slow
def test_a_value_lives_for_its_seconds_in_javascript(rig: Rig, node: NodeProject) -> None:
    handler = node.handler(
        """
        const s = ctx.state
        return { body: [
          await s.set('g', 'a', 1, { ttl: 10 }), await s.set('g', 'b', 2, { ttl: 0.5 }),
          await s.compareAndSet('g', 'c', null, 3, { ttl: 20 }),
          await s.update('g', 'a', (old) => old + 1), await s.set('g', 'd', 4, {}),
        ] }
        """
    )

    assert rig.value(handler)["body"] == [1, 2, True, 2, 4]
    assert [after(rig, one) for one in (0.4, 0.1, 9.5, 10.0)] == [
        *(["a", "b", "c", "d"], ["a", "c", "d"], ["c", "d"], ["d"])
    ]
