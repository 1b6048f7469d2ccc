"""What real projects import and export loads as it does under Motia."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from motia_actors.errors import StepLoadError
from motia_actors.runners.node_binary import find_node
from tests.runners.node_rig import NodeProject
from tests.runners.rig import Rig

pytestmark = pytest.mark.slow

STEP = "steps/a.step.ts"
ANSWER = "export const config = {}\nexport const handler = async () => ({ body: value })"

CASES: Mapping[str, Mapping[str, str]] = {
    "types imported plainly from motia": {
        STEP: "import { ApiRouteConfig, Handlers, StepConfig } from 'motia'\n"
        f"const value = 1\n{ANSWER}"
    },
    "import type": {STEP: f"import type {{ Handlers }} from 'motia'\nconst value = 1\n{ANSWER}"},
    "values of motia": {
        STEP: "import { config as define, defineConfig } from 'motia'\n"
        f"const value = define(defineConfig(1))\n{ANSWER}"
    },
    "types of an own file": {
        STEP: f"import {{ Own }} from '../api'\nconst value: Own = 1\n{ANSWER}",
        "api.d.ts": "export type Own = number",
    },
    "a type and a value of one own file": {
        STEP: f"import {{ Own, one }} from './own'\nconst value: Own = one\n{ANSWER}",
        "steps/own.ts": "export interface Unused { a: 1 }\nexport type Own = number\n"
        "export const one = 1",
    },
    "a type exported again": {
        STEP: f"import {{ Own, one }} from './index'\nconst value: Own = one\n{ANSWER}",
        "steps/index.ts": "export type { Own } from './own'\nexport * from './own'",
        "steps/own.ts": "export type Own = number\nexport const one = 1",
    },
    "a folder": {
        STEP: f"import {{ value }} from '../services'\n{ANSWER}",
        "services/index.ts": "export * from './one.service'",
        "services/one.service.ts": "export const value = 1",
    },
    ".js that means .ts": {
        STEP: f"import {{ value }} from './own.js'\n{ANSWER}",
        "steps/own.ts": "export const value = 1",
    },
    "paths of tsconfig": {
        STEP: f"import {{ value }} from '@/lib/own'\nimport {{ other }} from '#other'\n"
        f"void other\n{ANSWER}",
        "tsconfig.json": '{ // with comments\n "compilerOptions": {"baseUrl": ".",'
        ' "paths": {"@/*": ["./src/*"], "#other": ["src/other.ts"],},}, }',
        "src/lib/own.ts": "export const value = 1",
        "src/other.ts": "export const other = 1",
    },
    "baseUrl, of a tsconfig that is extended": {
        STEP: f"import {{ value }} from 'src/own'\n{ANSWER}",
        "tsconfig.json": '{"extends": "./tsconfig.base"}',
        "tsconfig.base.json": '{"compilerOptions": {"baseUrl": "."}}',
        "src/own.ts": "export const value = 1",
    },
    "paths of a tsconfig that is extended by way of a package": {
        STEP: f"import {{ value }} from '~/own'\n{ANSWER}",
        "tsconfig.json": '{"extends": ["@own/base", "./tsconfig.paths.json"]}',
        "tsconfig.paths.json": '{"compilerOptions": {"paths": {"~/*": ["./src/*"]}}}',
        "node_modules/@own/base/package.json": '{"name": "@own/base", "main": "tsconfig.json"}',
        "node_modules/@own/base/tsconfig.json": '{"compilerOptions": {"strict": true}}',
        "src/own.ts": "export const value = 1",
    },
    "imports of package.json": {
        STEP: f"import {{ value }} from '#lib/own'\n{ANSWER}",
        "package.json": '{"imports": {"#lib/*": "./src/lib/*.ts"}}',
        "src/lib/own.ts": "export const value = 1",
    },
    "a dynamic import without an ending": {
        STEP: "export const config = {}\n"
        "export const handler = async () => ({ body: (await import('./own')).value })",
        "steps/own.ts": "export const value = 1",
    },
    "a handler and a config that calls made": {
        STEP: "import { withAuth } from '../middlewares/auth'\n"
        "const normalize = <T,>(value: T): T => value\n"
        "export const config = normalize({})\n"
        "export const handler = withAuth(async () => ({ body: 1 }))",
        "middlewares/auth.ts": "type Fn = (...given: any[]) => Promise<unknown>\n"
        "export const withAuth = (fn: Fn): Fn => async (...given) => fn(...given)",
    },
    "a function that is declared": {
        STEP: "export const config = {}\nexport async function handler() { return { body: 1 } }"
    },
    "import.meta and satisfies": {
        STEP: "const value = import.meta.dirname.endsWith('steps') ? 1 : 0\n"
        "export const config = {} satisfies object\n"
        "export const handler = async () => ({ body: value as number })"
    },
    "enum, namespace and parameter properties": {
        STEP: "enum A { One = 1 }\nconst enum B { Two = 2 }\n"
        "namespace N { export const x = A.One }\n"
        "class C { constructor(private y: number) {} get() { return this.y } }\n"
        f"const value = new C(N.x).get() + B.Two - 2\n{ANSWER}"
    },
    "require and __dirname in a module": {
        STEP: "const path = require('path')\n"
        f"const value = path.basename(__dirname) === 'steps' ? 1 : 0\n{ANSWER}"
    },
    "JSON": {
        STEP: f"import data from './data.json'\nconst value = data.one\n{ANSWER}",
        "steps/data.json": '{"one": 1}',
    },
    "top-level await": {STEP: f"const value = await Promise.resolve(1)\n{ANSWER}"},
    "another step": {
        STEP: f"import {{ value }} from './b.step'\n{ANSWER}",
        "steps/b.step.ts": "export const value = 1",
    },
    "CommonJS": {
        "steps/a.step.js": "const { value } = require('./own')\n"
        "module.exports = { config: {}, handler: async () => ({ body: value }) }",
        "steps/own.js": "exports.value = 1",
    },
    "CommonJS in TypeScript": {
        STEP: "const { value } = require('./own')\n"
        "exports.config = {}\nexports.handler = async () => ({ body: value })",
        "steps/own.ts": "export const value: number = 1",
    },
    "an ES module in a .js file": {
        "steps/a.step.js": f"import {{ value }} from './own'\n{ANSWER}",
        "steps/own.js": "export const value = 1",
    },
    "a default export": {STEP: "export default { config: {}, handler: async () => ({ body: 1 }) }"},
    "a package of the project": {
        STEP: f"import value from 'own-package'\n{ANSWER}",
        "node_modules/own-package/package.json": '{"name": "own-package", "main": "main.js"}',
        "node_modules/own-package/main.js": "module.exports = 1",
    },
}


@pytest.mark.parametrize("engine", ["internal", "public"])
@pytest.mark.parametrize("case", CASES)
def test_loads(
    rig: Rig, node: NodeProject, case: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTIA_TS_ENGINE", engine)
    for path, text in CASES[case].items():
        node.write(path, text)
    step = next(path for path in CASES[case] if ".step." in path)

    loaded = node.runner.load(Path(step))

    assert loaded.config == {}
    assert rig.value(loaded.handler) == {"body": 1}


@pytest.mark.parametrize(
    ("text", "reason", "line"),
    [
        ("export const config = {}\nthrow new Error('no key')", "Error: no key", 2),
        ("const a = 1\nconst b = {{\n", "SyntaxError", None),
        ("import x from 'not-there'\nexport const config = { x }", "run npm install", None),
        ("import { y } from './b'\nexport const config = { y }", "y", None),
        ("export const config = {}\nexport const handler = 3", "handler is of type number", None),
        ("export const config = { type: 'api', middleware: [1] }", "takes functions", None),
    ],
)
def test_a_broken_file_says_what_to_mend(
    node: NodeProject, text: str, reason: str, line: int | None
) -> None:
    node.write("steps/b.ts", "export const other = 1")

    with pytest.raises(StepLoadError) as caught:
        node.load(text)

    assert reason in caught.value.reason
    assert caught.value.path == STEP
    assert line is None or caught.value.line == line


def test_a_syntax_error_has_its_line(node: NodeProject) -> None:
    with pytest.raises(StepLoadError) as caught:
        node.load("const a = 1\nconst b = 2\nconst c = = 3\n")

    assert caught.value.line == 3


def test_an_edited_file_is_read_anew_and_the_old_handler_goes_on(
    rig: Rig, node: NodeProject
) -> None:
    old = node.handler("return { body: 1 }")
    new = node.handler("return { body: 2 }")

    assert [rig.value(old), rig.value(new)] == [{"body": 1}, {"body": 2}]


def test_within_fresh_modules_helpers_are_read_anew(rig: Rig, node: NodeProject) -> None:
    text = "import { value } from './own'\nexport const handler = async () => ({ body: value })"
    node.write("steps/own.ts", "export const value = 1")
    assert rig.value(node.load(text).handler) == {"body": 1}
    edited = node.write("steps/own.ts", "export const value = 2")

    with node.runner.fresh_modules(frozenset({edited})):
        again = node.load(text)

    assert rig.value(again.handler) == {"body": 2}


def test_middleware_wraps_the_handler_outermost_first(rig: Rig, node: NodeProject) -> None:
    loaded = node.load(
        """
        const log = (name) => async (req, ctx, next) => {
          req.seen = [...(req.seen ?? []), name]
          const answer = await next()
          return { ...answer, body: [...answer.body, name] }
        }
        export const config = { type: 'api', middleware: [log('a'), log('b')] }
        export const handler = async (req) => ({ status: 200, body: req.seen })
        """
    )

    assert loaded.config == {"type": "api"}
    assert rig.value(loaded.handler)["body"] == ["a", "b", "b", "a"]


def test_a_cron_handler_gets_the_context_alone(rig: Rig, node: NodeProject) -> None:
    loaded = node.load("export const handler = async (ctx, more) => [ctx.traceId, more ?? 0]")

    assert rig.value(loaded.handler, "cron") == ["K7PQ2-4431022", 0]


def test_a_streams_can_access_is_a_function_that_asks_the_child(node: NodeProject) -> None:
    loaded = node.load(
        """
        export const config = {
          name: 'chat',
          canAccess: async ({ groupId }, who) => groupId === who?.room,
        }
        """,
        "steps/chat.stream.ts",
    )
    assert loaded.config is not None
    ask = loaded.config["canAccess"]

    assert loaded.config["__motia_hasCanAccess"] is True
    assert asyncio.run(ask({"groupId": "a"}, {"room": "a"})) is True
    assert asyncio.run(ask({"groupId": "a"}, None)) is False


def test_the_projects_config_is_read_and_what_is_not_done_is_named(node: NodeProject) -> None:
    path = node.write(
        "motia.config.ts",
        """
        import { defineConfig } from 'motia'
        export default defineConfig({
          app: (app) => {},
          plugins: [],
          streamAuth: {
            contextSchema: { type: 'object' },
            authenticate: async ({ headers }) => ({ user: headers.authorization }),
          },
        })
        """,
    )

    config, left_out = node.runner.load_config(path)

    assert left_out == ("app", "plugins")
    assert config["streamAuth"]["contextSchema"] == {"type": "object"}
    known = asyncio.run(config["streamAuth"]["authenticate"]({"headers": {"authorization": "me"}}))
    assert known == {"user": "me"}


# With packages of npm: installed once, into a folder that is kept.


@pytest.fixture(scope="session")
def packages() -> Path:
    """A folder whose node_modules has zod 3 and 4, a Standard Schema and TypeScript."""
    kept = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "motia-actors-npm"
    kept.mkdir(parents=True, exist_ok=True)
    names = {
        "zod": "4.1.12",
        "zod3": "npm:zod@3.25.76",
        "typescript": "5.9.3",
        "arktype": "2.1.23",
    }
    manifest = json.dumps({"private": True, "dependencies": names})
    (kept / "package.json").write_text(manifest, "utf-8")
    stamp = kept / "installed"
    if not stamp.is_file() or stamp.read_text("utf-8") != manifest:
        npm = Path(find_node()).parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [find_node(), str(npm), "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=kept, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = f"npm could not install: {done.stderr[-500:]}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        stamp.write_text(manifest, "utf-8")
    return kept / "node_modules"


@pytest.mark.timeout(180)
@pytest.mark.parametrize("zod", ["zod", "zod3"])
def test_zod_becomes_json_schema(node: NodeProject, packages: Path, zod: str) -> None:
    (node.root / "node_modules").symlink_to(packages)
    config = node.load(
        f"""
        import {{ z }} from '{zod}'
        const order = z.object({{
          id: z.string().min(1), count: z.number().int().default(1), tags: z.array(z.string()),
        }})
        export const config = {{
          type: 'api', bodySchema: order, responseSchema: {{ 200: z.array(order) }},
        }}
        """
    ).config

    assert config is not None
    body: dict[str, Any] = config["bodySchema"]
    assert body["properties"]["id"] == {"type": "string", "minLength": 1}
    assert body["properties"]["count"]["type"] == "integer"
    assert body["required"] == ["id", "tags"]
    assert config["responseSchema"]["200"]["type"] == "array"


@pytest.mark.timeout(180)
def test_a_standard_schema_becomes_json_schema(node: NodeProject, packages: Path) -> None:
    (node.root / "node_modules").symlink_to(packages)
    config = node.load(
        """
        import { type } from 'arktype'
        export const config = { type: 'event', input: type({ id: 'string' }) }
        """
    ).config

    assert config is not None
    assert config["input"]["properties"] == {"id": {"type": "string"}}


@pytest.mark.timeout(180)
def test_decorators_load_with_the_projects_typescript(
    rig: Rig, node: NodeProject, packages: Path
) -> None:
    (node.root / "node_modules").symlink_to(packages)
    node.write("tsconfig.json", '{"compilerOptions": {"experimentalDecorators": true}}')
    loaded = node.load(
        """
        const named = (target: any) => { target.called = 'yes' }
        @named
        class Service { static called = 'no' }
        export const handler = async () => ({ body: Service.called })
        """
    )

    assert rig.value(loaded.handler) == {"body": "yes"}


def test_decorators_without_typescript_say_what_to_install(node: NodeProject) -> None:
    with pytest.raises(StepLoadError, match="npm install --save-dev typescript"):
        node.load("const d = (x: any) => x\n@d\nclass A {}\nexport const config = {}")
