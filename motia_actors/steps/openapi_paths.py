"""Express paths as OpenAPI templates: `/users/:id` is `/users/{id}`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

_TOKEN = re.compile(
    r":(?P<name>\w+)(?P<group>\((?:[^()\\]|\\.|\[[^\]]*\])*\))?(?P<optional>\??)"
    r"|(?P<wild>\*)|\\(?P<escaped>.)|(?P<plain>[^:*\\()?+|{}])",
    re.ASCII | re.DOTALL,
)
VARIANTS_MAX = 16


class Template(msgspec.Struct, frozen=True):
    """A path with its parameters as OpenAPI has them."""

    path: str
    parameters: Sequence[dict[str, Any]]


def templates_of(path: str) -> Sequence[Template]:
    """The templates of an Express path: more than one where a parameter is optional.

    Empty where the path is an expression that no template says.
    """
    path = path if path.startswith("/") else f"/{path}"
    found = [Template("", ())]
    at, wild = 0, 0
    while at < len(path):
        match = _TOKEN.match(path, at)
        if match is None:
            return ()
        at = match.end()
        if match["name"] is not None:
            if at < len(path) and path[at] in "*+":
                return ()
            found = _with_parameter(found, match)
        elif match["wild"] is not None:
            about = "The rest of the path; it may hold slashes"
            found = [_longer(one, str(wild), {"type": "string"}, about) for one in found]
            wild += 1
        else:
            text = match["escaped"] or match["plain"]
            found = [Template(one.path + text, one.parameters) for one in found]
        if len(found) > VARIANTS_MAX:
            return ()
    return [one if len(one.path) == 1 else _without_end(one) for one in found]


def _with_parameter(found: Sequence[Template], match: re.Match[str]) -> list[Template]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1}
    if match["group"]:
        schema["pattern"] = f"^{match['group']}$"
    longer = [_longer(one, match["name"], schema, "") for one in found]
    if not match["optional"]:
        return longer
    # As in Express the slash before an optional parameter goes with it.
    shorter = [Template(one.path.removesuffix("/") or "/", one.parameters) for one in found]
    return [*shorter, *longer]


def _longer(one: Template, name: str, schema: dict[str, Any], about: str) -> Template:
    parameter: dict[str, Any] = {"name": name, "in": "path", "required": True, "schema": schema}
    if about:
        parameter["description"] = about
    return Template(f"{one.path}{{{name}}}", [*one.parameters, parameter])


def _without_end(one: Template) -> Template:
    return Template(one.path.removesuffix("/"), one.parameters)
