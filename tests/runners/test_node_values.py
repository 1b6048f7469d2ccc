"""Values cross between languages and the store by stated rules: `values.json` is the table."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from motia_actors.messages import Request
from motia_actors.payload import decode, encode
from tests.runners.node_rig import NodeProject
from tests.runners.rig import Rig

TABLE = json.loads((Path(__file__).parent / "values.json").read_text("utf-8"))
IN_PYTHON = [row for row in TABLE if "python" in row]
NAMES = {"datetime": datetime, "timezone": timezone}


@pytest.mark.parametrize("row", IN_PYTHON, ids=lambda row: row["what"])
def test_python_stores_and_reads_what_the_table_says(row: dict[str, Any]) -> None:
    value = eval(row["python"], dict(NAMES))  # noqa: S307 (our own table)

    assert encode(value).decode() == row["stored"]
    read = eval(row.get("read_python", row["python"]), dict(NAMES))  # noqa: S307 (our own table)
    assert decode(encode(value)) == read


@pytest.mark.slow
def test_javascript_stores_and_reads_what_the_table_says(rig: Rig, node: NodeProject) -> None:
    cases = ",\n".join(
        f"[{json.dumps(row['what'])}, () => ({row.get('javascript', 'undefined')}),"
        f" () => ({row.get('read', row.get('javascript'))})]"
        for row in TABLE
    )
    node.write("table.mjs", f"export const cases = [{cases}]")
    handler = node.handler(
        """
        const { cases } = await import('../table.mjs')
        const { isDeepStrictEqual, inspect } = await import('node:util')
        const wrong = []
        for (const [what, made, expected] of cases) {
          if (made() !== undefined || what === 'undefined') await ctx.state.set('js', what, made())
          const read = await ctx.state.get(made() === undefined ? 'py' : 'js', what)
          if (!isDeepStrictEqual(read, expected())) wrong.push(`${what}: ${inspect(read)}`)
          const both = await ctx.state.get('py', what)
          const isSame = both === null || isDeepStrictEqual(both, expected())
          if (!isSame) wrong.push(`of Python, ${what}: ${inspect(both)}`)
        }
        return { status: 200, body: wrong }
        """
    )
    effects = rig.effects()
    for row in IN_PYTHON:
        value = eval(row["python"], dict(NAMES))  # noqa: S307 (our own table)
        effects.state_set("py", row["what"], value)

    answer = rig.value(handler)

    assert answer["body"] == []
    for row in TABLE:
        if "javascript" in row:
            kept = rig.store.state.get("js", row["what"])
            assert kept is not None
            assert kept.decode() == row["stored"], row["what"]


@pytest.mark.slow
def test_a_returned_body_of_bytes_is_bytes(rig: Rig, node: NodeProject) -> None:
    handler = node.handler("return { status: 200, body: Buffer.from([0, 255, 10]) }")

    assert rig.value(handler) == {"status": 200, "body": b"\x00\xff\n"}


@pytest.mark.slow
def test_a_request_with_bytes_has_buffers(rig: Rig, node: NodeProject) -> None:
    handler = node.handler(
        "return { body: [Buffer.isBuffer(req.rawBody), req.body.files[0].data[1], req.body.name] }"
    )
    request = Request(
        rawBody=b"\x00\xff", body={"files": [{"data": b"\x01\x02"}], "name": "rawBody"}
    )

    assert rig.value(handler, value=request) == {"body": [True, 2, "rawBody"]}


@pytest.mark.slow
def test_a_value_of_five_megabytes_passes(rig: Rig, node: NodeProject) -> None:
    handler = node.handler("return { body: req.body + '!' }")

    assert rig.value(handler, value=Request(body="x" * 5_000_000))["body"] == "x" * 5_000_000 + "!"


@pytest.mark.slow
def test_a_value_without_a_json_form_fails_its_call_alone(rig: Rig, node: NodeProject) -> None:
    handler = node.handler("const a = {}; a.a = a; return { body: a }")
    other = node.handler("return { body: 1 }", "steps/b.step.ts")

    failure = rig.failure(handler)

    assert (failure.kind, "refers to itself" in failure.message) == ("PayloadError", True)
    assert rig.value(other) == {"body": 1}
