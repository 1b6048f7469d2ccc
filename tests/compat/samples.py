"""One small project for each rule of the report: its files, and where the rule is to be found."""

from __future__ import annotations

from typing import NamedTuple


class Sample(NamedTuple):
    """Files by path, and `file` or `file:line` of each finding of the rule."""

    files: dict[str, str]
    places: list[str]


API = """export const config = {{ type: 'api', name: 'A', path: '/a', method: 'GET', emits: [],{} }}
export const handler = async (req, ctx) => {{
{}
}}
"""
PYTHON = """config = {{"type": "event", "name": "A", "subscribes": ["a"], "emits": []{}}}
async def handler(data, context):
    {}
"""


def ts(body: str, keys: str = "") -> dict[str, str]:
    return {"steps/a.step.ts": API.format(keys, body)}


def py(body: str, keys: str = "") -> dict[str, str]:
    return {"steps/a_step.py": PYTHON.format(keys, body)}


def config_ts(inside: str) -> dict[str, str]:
    return {"motia.config.ts": f"import {{ defineConfig }} from 'motia'\n{inside}\n"}


SAMPLES: dict[str, Sample] = {
    "app-hook": Sample(
        config_ts("export default defineConfig({\n  app: (app) => { app.use('/x', y) },\n})"),
        ["motia.config.ts:3"],
    ),
    "plugin": Sample(
        config_ts(
            "import mine from './plugins/mine'\n"
            "import observabilityPlugin from '@motiadev/plugin-observability/plugin'\n"
            "export default defineConfig({\n  plugins: [observabilityPlugin, mine],\n})"
        ),
        ["motia.config.ts:5"],
    ),
    "official-plugin": Sample(
        config_ts(
            "import logs from '@motiadev/plugin-logs/plugin'\n"
            "export default defineConfig({\n  plugins: [\n    logs,\n  ],\n})"
        ),
        ["motia.config.ts:5"],
    ),
    "adapters": Sample(
        config_ts("export default { adapters: { state: new RedisStateAdapter({}) } }"),
        ["motia.config.ts:2"],
    ),
    "redis": Sample(
        config_ts("export default defineConfig({\n  redis: { host: 'h', port: 6379 },\n})"),
        ["motia.config.ts:3"],
    ),
    "config-key": Sample(
        config_ts("const made = {}\nexport default { streamAuth: { authenticate }, fancy: 1 }"),
        ["motia.config.ts:3"],
    ),
    "ruby": Sample({"steps/a.step.rb": "def config; end"}, ["steps/a.step.rb"]),
    "node-component": Sample({"steps/a.step.tsx": "export const Node = 1"}, ["steps/a.step.tsx"]),
    "workbench-layout": Sample({"motia-workbench.json": "[]"}, ["motia-workbench.json"]),
    "features": Sample({"tutorial/a.step-features.json": "[]"}, ["tutorial/a.step-features.json"]),
    "script": Sample(
        {
            "package.json": '{\n "scripts": {\n  "dev": "motia dev --port 4000",\n'
            '  "postinstall": "npx motia install",\n  "test": "jest",\n'
            '  "own": "node motia-start.js"\n }\n}'
        },
        ["package.json:3", "package.json:4"],
    ),
    "docker": Sample(
        {"Dockerfile": 'FROM motiadev/motia:latest\nCMD ["npm", "run", "start"]'},
        ["Dockerfile:1"],
    ),
    "package": Sample(
        {
            "package.json": '{\n "dependencies": {\n  "motia": "0.17",\n  "zod": "4",\n'
            '  "@motiadev/plugin-logs": "0.17",\n  "@motiadev/stream-client-browser": "0.17"\n }\n}'
        },
        ["package.json:3", "package.json:5"],
    ),
    "test-package": Sample(
        {"package.json": '{"devDependencies": {"@motiadev/test": "0.17"}}'}, ["package.json:1"]
    ),
    "python-modules": Sample({**py("pass"), "requirements.txt": "httpx\n"}, ["requirements.txt"]),
    "requirement": Sample(
        {
            "requirements.txt": "# pinned\n-r more.txt\nclick==7.1.2\nfalcon>=4\nhttpx==0.1\n"
            "falcon==4.*\nlmdb<3\nlmdb<4,>3\nlmdb\nmsgspec~=0.18.1\nmine @ https://host/mine.zip\n"
            "click===of today\nclick===today\nlmdb==3.0rc1,<9\nclick~=8.2\n"
        },
        [f"requirements.txt:{line}" for line in (3, 7, 10, 14)],
    ),
    "variable": Sample(
        {".env": "KEY=1\nMOTIA_REDIS_HOST=redis\nMOTIA_STORE=memory://\nBULLMQ_PREFIX=x\n"},
        [".env:2", ".env:4"],
    ),
    "step-py": Sample({"src/a.step.py": PYTHON.format("", "pass")}, ["src/a.step.py"]),
    "strict-config": Sample(
        {
            **ts("  return { status: 200 }", "query: {},"),
            "steps/b_step.py": "config = {\n  'type': 'cron',\n  'name': 'B',\n"
            "  'cron': '0 9 * * *',\n}\ndef handler(c): pass",
            "steps/c_step.py": "config = {'type': 'event', 'name': 'C', 'topic': 'c'}",
        },
        ["steps/a.step.ts:1", "steps/b_step.py:2"],
    ),
    "body-schema": Sample(
        {
            **ts("  return { status: 200 }", "\n  bodySchema: z.object({ a: z.string() }),"),
            "steps/b.step.ts": API.format("bodySchema: null,", ""),
        },
        ["steps/a.step.ts:2"],
    ),
    "input-schema": Sample(
        {
            **py("pass", ',\n "input": Model.model_json_schema()'),
            "steps/b_step.py": PYTHON.format(', "input": None', "pass"),
        },
        ["steps/a_step.py:2"],
    ),
    "stream-schema": Sample(
        {
            "steps/a.stream.ts": "export const config: StreamConfig = {\n  name: 'a',\n"
            "  schema: z.object({}),\n  baseConfig: { storageType: 'default' },\n}"
        },
        ["steps/a.stream.ts:3"],
    ),
    "storage-type": Sample(
        {
            "steps/a.stream.ts": "export const config = { name: 'a',\n"
            "  baseConfig: {\n    storageType: 'custom', factory: () => new Mine() } }"
        },
        ["steps/a.stream.ts:3"],
    ),
    "fifo": Sample(
        py("pass", ',\n "infrastructure": {"queue": {"type": "fifo"}}'), ["steps/a_step.py:2"]
    ),
    "ram-cpu": Sample(
        ts("", "\n infrastructure: {\n  handler: { timeout: 5, ram: 512 } },"),
        ["steps/a.step.ts:3"],
    ),
    "options": Sample(
        {"steps/a.step.js": "exports.config = { type: 'api', emits: [], method: 'OPTIONS' }"},
        ["steps/a.step.js:1"],
    ),
    "route": Sample(
        {
            "steps/a_step.py": 'config = {"type": "api", "method": "GET", "emits": [],\n'
            ' "path": "/a/:id(", "name": "A"}'
        },
        ["steps/a_step.py:2"],
    ),
    "cron": Sample(
        {"steps/a_step.py": 'config = {"type": "cron", "emits": [],\n "cron": "60 * * * *"}'},
        ["steps/a_step.py:2"],
    ),
    "cron-days": Sample(
        {
            "steps/a.step.ts": "export const config = { type: 'cron', emits: [],\n"
            " cron: '0 9 1 * 1' }",
            "steps/b.step.ts": "export const config = { type: 'cron', emits: [],\n"
            " cron: '0 0 9 * * 1' }",
        },
        ["steps/a.step.ts:2"],
    ),
    "state-envelope": Sample(
        py(
            'found = await context.state.get("g", "k")\n'
            '    if not found or "data" not in found:\n'
            "        return\n"
            '    use(found["data"], found.get("data"))\n'
            '    other = (await context.state.get("g", "k")).get("data")'
        ),
        [f"steps/a_step.py:{line}" for line in (4, 6, 7)],
    ),
    "state-get": Sample(
        py('found = await context.state.get("g", "k")\n    other["data"] = found'),
        ["steps/a_step.py:3"],
    ),
    "state-arity": Sample(
        {
            **ts(
                "  await ctx.state.set('k', { a: 1, b: [1, 2] })\n"
                "  await ctx.state.set('g', 'k', f(1, 2),)\n"
                "  await ctx.state.get(...both)\n  await ctx.state.get<Order>('k')"
            ),
            "steps/b_step.py": PYTHON.format("", 'await context.state.set("k", {})'),
        },
        ["steps/a.step.ts:3", "steps/a.step.ts:6", "steps/b_step.py:3"],
    ),
    "emit-form": Sample(
        {
            **ts(
                "  await emit('a.done', { id: 1 })\n  await ctx.emit({ type: 'a', data: 1 })\n"
                "  socket.emit('mine')\n  // emit('not this')\n  await emit({ topic: 'a', data })"
            ),
            "steps/b_step.py": PYTHON.format("", 'await context.emit("b", {})'),
        },
        ["steps/a.step.ts:3", "steps/a.step.ts:4", "steps/b_step.py:3"],
    ),
    "module-state": Sample(
        {
            "steps/a.step.ts": API.format("", "  count += 1\n  seen.set(1, 2)\n  names[0].x()")
            + "let count = 0\nconst seen = new Map<string, number>()\nconst names = ['a']\n"
            "let fixed = 1\nconst text = `let ${ { a: 1 } } }`\n",
            "steps/b_step.py": "import functools\nfrom lib import kept\nCACHE = {}\nNAMES = {}\n"
            "hits = 0\nconfig = {}\n"
            "def handler(data):\n    global hits\n    CACHE[data] = NAMES.get(data)\n"
            "@functools.lru_cache\ndef slow(): pass\n",
            "lib/kept.py": "ALL = []\ndef keep(x):\n    ALL.append(x)\n",
            "front_end/app.ts": "let count = 0\nexport function f() { count += 1 }\n",
        },
        [
            "lib/kept.py:1",
            "steps/a.step.ts:7",
            "steps/a.step.ts:8",
            "steps/b_step.py:3",
            "steps/b_step.py:5",
            "steps/b_step.py:11",
        ],
    ),
    "after-return": Sample(
        {
            **ts(
                "  setTimeout(() => log(), 1000)\n"
                "  await new Promise((resolve) => setTimeout(resolve, 5))"
            ),
            "steps/b_step.py": "import asyncio\n"
            + PYTHON.format("", "asyncio.create_task(x())\n    task = asyncio.create_task(x())"),
        },
        ["steps/a.step.ts:3", "steps/b_step.py:4"],
    ),
    "process-wide": Sample(
        {
            **ts("  process.env.TZ = 'UTC'\n  process.chdir('/')\n  if (process.env.A === 'b') {}"),
            "steps/b_step.py": "import os\n" + PYTHON.format("", 'os.chdir("/")'),
        },
        ["steps/a.step.ts:3", "steps/a.step.ts:4", "steps/b_step.py:4"],
    ),
    "exit": Sample({**py("os._exit(1)")}, ["steps/a_step.py:3"]),
    "compiled-folder": Sample(
        {
            **ts("  readFileSync(join(import.meta.dirname, 'a.html'))"),
            "steps/b.step.js": API.format("", "  // __dirname\n  use('__dirname')"),
        },
        ["steps/a.step.ts:3"],
    ),
    "motia-value": Sample(
        {
            "steps/a.step.ts": "import { ApiRouteConfig, Handlers, Logger, step } from 'motia'\n"
            "import type { Printer } from '@motiadev/core'\n"
            "import { NoTracer } from '@motiadev/core/dist/observability'\n"
            "import { Stream } from '@motiadev/stream-client-node'\n"
            "const handler: Handlers['A'] = step(1)\nnew Logger()\n"
            "new NoTracer()\nnew Stream('x')\n"
        },
        ["steps/a.step.ts:3"],
    ),
    "decorators": Sample(
        {
            "steps/a.step.ts": "import { Shop } from '../src/shop'\n",
            "src/shop.ts": "export class Shop {\n  @timed()\n  pay() {}\n}\n",
        },
        ["src/shop.ts:2"],
    ),
    "rpc": Sample(py('await context.rpc.send("x", {})'), ["steps/a_step.py:3"]),
    "endpoint": Sample(
        {
            **ts("  await fetch('http://localhost:3000/emit', {})\n  fetch(`/__motia/state?x=1`)"),
            "steps/b_step.py": PYTHON.format("", 'get("/__motia/streams/group/a/b")'),
        },
        ["steps/a.step.ts:3", "steps/a.step.ts:4", "steps/b_step.py:3"],
    ),
    "gone-endpoint": Sample(
        ts("  await fetch('/__motia/bullmq/queues')\n  // fetch('/__motia/bullmq/dlq')"),
        ["steps/a.step.ts:3"],
    ),
    "internal-stream": Sample(
        ts("  client.subscribeGroup('__motia.logs', 'default')"), ["steps/a.step.ts:3"]
    ),
}
