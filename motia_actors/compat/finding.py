"""What the report may say: each rule once, with its grade and its way out.

`docs/migration.md` has a row for each rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Grade = Literal["change", "differs", "note"]
"""`change`: it does not work here before its author does something. `differs`: it works, but
otherwise than under Motia. `note`: nothing to do; good to know."""
GRADES: tuple[Grade, ...] = ("change", "differs", "note")


class Rule(msgspec.Struct, frozen=True):
    """One kind of difference: what is otherwise, and what to do about it."""

    grade: Grade
    what: str
    way_out: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A rule met in a file, relative to the project; `detail` is what was seen there."""

    rule: str
    file: str
    line: int | None = None
    detail: str = ""


RULES: Mapping[str, Rule] = {
    "app-hook": Rule(
        "change",
        "the Express hook `app` of motia.config is not called, so what it mounts is missing",
        "write api steps for its endpoints, `middleware` in motia.config, and set MOTIA_STATIC",
    ),
    "plugin": Rule(
        "change",
        "plugins are not run: endpoints and steps of this one are missing",
        "write its endpoints and steps into steps/, and remove it",
    ),
    "official-plugin": Rule(
        "note",
        "the plugin is not run; the workbench has what it shows",
        "remove it, or leave it for Motia",
    ),
    "adapters": Rule(
        "differs",
        "adapters of motia.config are ignored: all of it is kept in the project's store",
        "remove them; values that Redis or a broker holds stay there, so copy what you need",
    ),
    "redis": Rule(
        "note",
        "`redis` of motia.config is ignored: no Redis is needed",
        "remove it once nothing else uses it",
    ),
    "config-key": Rule(
        "differs",
        "motia.config has a key that is ignored",
        "remove it",
    ),
    "ruby": Rule(
        "change",
        "Ruby has no runner, so the file is skipped",
        "write it in Python, TypeScript or JavaScript",
    ),
    "node-component": Rule(
        "note",
        "the workbench draws its own nodes and does not load this one",
        "leave it for Motia, or remove it",
    ),
    "workbench-layout": Rule(
        "note",
        "the layout of motia-workbench.json is not read: flows are laid out anew",
        "leave it for Motia, or remove it",
    ),
    "features": Rule(
        "note",
        "notes of Motia's tutorial are not shown",
        "leave them for Motia, or remove them",
    ),
    "script": Rule(
        "change",
        "a script of package.json calls Motia's command line",
        "call motia-actors: docs/migration.md has a line for each command",
    ),
    "docker": Rule(
        "change",
        "the image starts Motia",
        "start `motia-actors start --host 0.0.0.0`; `motia-actors new` writes a Dockerfile",
    ),
    "package": Rule(
        "note",
        "the package is not used at run time",
        "leave it for its types, or remove it; `motia-actors generate types` writes types.d.ts",
    ),
    "test-package": Rule(
        "change",
        "tests with @motiadev/test start Motia, not this runtime",
        "write them with motia_actors.testing: docs/testing.md",
    ),
    "python-modules": Rule(
        "change",
        "packages are taken from the environment of motia-actors, not from python_modules/",
        "pip install -r requirements.txt beside motia-actors",
    ),
    "requirement": Rule(
        "change",
        "the requirement and that of motia-actors exclude each other",
        "widen it, and install both to see that the project still works",
    ),
    "variable": Rule(
        "differs",
        "the variable has no effect here",
        "remove it; docs/settings.md lists those that are read",
    ),
    "step-py": Rule(
        "differs",
        "Motia does not load files of this name; here the step runs",
        "remove the file if it is not meant to run",
    ),
    "strict-config": Rule(
        "differs",
        "Motia skips a step with such a config; here it runs, and `check` warns",
        "write what `motia-actors check` says, or remove the file",
    ),
    "body-schema": Rule(
        "differs",
        "the schema is enforced: a body that breaks it is a 400 before middleware and handler",
        "mend the schema where it is too narrow, or set MOTIA_VALIDATE=warn or off",
    ),
    "input-schema": Rule(
        "differs",
        "the schema is enforced: an event that breaks it is a dead letter, the handler is not run",
        "mend the schema where it is too narrow, or set MOTIA_VALIDATE=warn or off",
    ),
    "stream-schema": Rule(
        "differs",
        "the schema is enforced: `set` of an item that breaks it fails",
        "mend the schema where it is too narrow, or set MOTIA_VALIDATE=warn or off",
    ),
    "storage-type": Rule(
        "differs",
        "the stream is kept in the project's store like all others; its factory is not called",
        'write storageType: "default"',
    ),
    "fifo": Rule(
        "note",
        "groups of a fifo queue run side by side, each in order, and no message is dropped",
        "nothing, unless you counted on one message at a time for the whole queue",
    ),
    "ram-cpu": Rule(
        "differs",
        "Motia ignores `ram` and `cpu`; here they bind, in a process of the step's own",
        "remove them where they are not meant as limits",
    ),
    "options": Rule(
        "differs",
        "Motia answers OPTIONS itself; here the step does",
        "remove the step if it is not meant to answer preflights",
    ),
    "route": Rule(
        "change",
        "the path is a pattern that cannot be mounted",
        "write `:name`, `:name?`, `:name(expression)` or `*`",
    ),
    "cron": Rule(
        "change",
        "the schedule cannot be read, so the step does not run",
        "write five fields, or six with leading seconds",
    ),
    "cron-days": Rule(
        "differs",
        "day of month and day of week are alternatives, as in cron; Motia wants both to match",
        "leave one of them `*`, and look at the date in the handler",
    ),
    "state-envelope": Rule(
        "change",
        "`state.get` answers the value itself; this reads it out of 0.17's {'data': …}",
        "set MOTIA_STATE_ENVELOPE=on, or use the value itself",
    ),
    "state-get": Rule(
        "note",
        "`state.get` answers None or the object itself, where 0.17 answers {'data': …}",
        "nothing, unless this passes the wrapped value on; then set MOTIA_STATE_ENVELOPE=on",
    ),
    "state-arity": Rule(
        "note",
        "a call without group or key does nothing, as under Motia, and a warning is logged",
        "write state.set(group, key, value) and state.get(group, key)",
    ),
    "emit-form": Rule(
        "differs",
        "Motia drops an event that is emitted like this; here it is delivered, with a warning",
        "write emit({topic, data}), or remove it",
    ),
    "module-state": Rule(
        "differs",
        "processes stay, so the variable lives on between calls; under Motia each begins anew",
        "keep it in state, or leave it as a cache that may be gone at any time",
    ),
    "after-return": Rule(
        "differs",
        "Motia ends the process when the handler returns; here this goes on running",
        "await it, or emit an event for it",
    ),
    "process-wide": Rule(
        "differs",
        "it changes the process, which other steps share",
        'undo it in the handler, or give the step infrastructure.isolation: "process"',
    ),
    "exit": Rule(
        "change",
        "it ends the worker process with all steps in it",
        'raise an exception, or give the step infrastructure.isolation: "process"',
    ),
    "compiled-folder": Rule(
        "differs",
        "it is the folder of the source; under Motia that of the compiled copy in .motia/",
        "remove steps that lead from one to the other",
    ),
    "motia-value": Rule(
        "change",
        "Motia's own code is not there at run time",
        "use what the context offers, or bring code of your own",
    ),
    "decorators": Rule(
        "change",
        "decorators need a compiler in the project",
        "npm install --save-dev typescript@5",
    ),
    "rpc": Rule(
        "change",
        "the context has no `rpc`",
        "use context.state, context.streams and context.emit",
    ),
    "endpoint": Rule(
        "differs",
        "the endpoint answers in `dev`, and elsewhere with MOTIA_CONTROL_TOKEN alone",
        "set the variable, and send it as Authorization: Bearer …",
    ),
    "gone-endpoint": Rule(
        "change",
        "there is no such endpoint here",
        "docs/reference/http.md lists those that are there",
    ),
    "internal-stream": Rule(
        "change",
        "Motia's internal streams are not served",
        "ask /__motia/logs or /__motia/traces, or subscribe to a stream of the project",
    ),
}
