"""What a project's other files ask for that is otherwise here: packages, scripts, environment."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from motia_actors.compat.finding import Finding
from motia_actors.compat.script import Member, Script
from motia_actors.compat.sources import Sources, read_text
from motia_actors.configuration import KNOWN
from motia_actors.settings import SOURCES, read_env_file
from motia_actors.steps.discovery import SKIPPED

CONFIGS = ("motia.config.ts", "motia.config.js", "motia.config.mts", "motia.config.mjs")
OFFICIAL = re.compile(
    r"\b(?:observability|states?|endpoint|logs|bullmq|cron|ws|streams)Plugin\b|@motiadev/plugin-"
)
_EXPORTED = re.compile(
    r"(?:\bexport\s+default|\bmodule\.exports\s*=)\s+(?:[\w.]+\(\s*)?(?:(?P<brace>\{)|(?P<name>\w+))"
)
_COMMAND = re.compile(
    r"(?:^|[\s;&|(])(?:npx\s+|pnpm\s+(?:exec\s+)?|yarn\s+|bunx\s+)?motia\s+(?P<name>[a-z-]+)"
)
_DOCKER = re.compile(r"motiadev/motia|\bmotia[\"',\s]+(?:dev|start|build|install)\b")
_VARIABLE = re.compile(r"^(?:MOTIA_|BULLMQ_)")
# Redis' own names are read by Motia's queue; a project may use them itself, so they are left out.
_UNUSED = re.compile(r"^(?:motia|@motiadev/(?:core|snap|workbench|adapter-.*|plugin-.*))$")
_OF_UI = re.compile(r"[._](?:step|stream)\.(?:tsx|jsx)$")


def of_project(root: Path, sources: Sources) -> Iterator[Finding]:
    """The findings of all files but steps and what they import."""
    for found in sources.found:
        if found.language == "rb":
            yield Finding(rule="ruby", file=found.id)
        if found.language == "py" and found.path.name.endswith((".step.py", ".stream.py")):
            yield Finding(rule="step-py", file=found.id)
    yield from _config(root)
    yield from _package(root)
    yield from _requirements(root, has_python=bool(sources.python))
    for name in (".env", ".env.local", ".env.production", ".env.example"):
        yield from _environment(root, name)
    for path in sorted(root.glob("*ocker*")):
        text = read_text(path) if path.is_file() else None
        match = _DOCKER.search(text or "")
        if text and match:
            yield Finding(rule="docker", file=path.name, line=_line(text, match.start()))
    if (root / "motia-workbench.json").is_file():
        yield Finding(rule="workbench-layout", file="motia-workbench.json")
    yield from _drawn(root)


def has_compiler(root: Path) -> bool:
    """The project has a package that can compile decorators."""
    _, packages = _manifest(root)
    return bool({"typescript", "esbuild"} & set(packages))


def _config(root: Path) -> Iterator[Finding]:
    name = next((name for name in CONFIGS if (root / name).is_file()), None)
    text = read_text(root / name) if name else None
    if name is None or text is None:
        return
    script = Script(text)
    for key, member in _exported(script).items():
        at = Finding(rule="", file=name, line=script.line_of(member.at), detail=key)
        match key:
            case _ if key in KNOWN:
                pass
            case "app":
                yield _as(at, "app-hook", "")
            case "redis":
                yield _as(at, "redis", "")
            case "adapters":
                yield _as(at, "adapters", ", ".join(script.inner(member)))
            case "plugins":
                yield from _plugins(at, script, member)
            case _:
                yield _as(at, "config-key", key)


def _exported(script: Script) -> dict[str, Member]:
    """The keys of the object that the file exports, written there or under a name."""
    match = _EXPORTED.search(script.code)
    if match is not None and match["brace"] is None:
        named = rf"\b{match['name']}\b[^={{]*=\s*(?:[\w.]+\(\s*)?(?P<brace>\{{)"
        match = re.compile(named).search(script.code)
    return {} if match is None else script.members(match.start("brace"))


def _plugins(at: Finding, script: Script, member: Member) -> Iterator[Finding]:
    end = member.value_at + len(member.value) + 2
    for match in re.finditer(r"[A-Za-z_$][\w$]*", script.code[member.value_at : end]):
        name = match[0]
        source = re.search(rf"\b{re.escape(name)}\b[^;\n]*from\s*(['\"])([^'\"]+)\1", script.text)
        is_official = OFFICIAL.search(source[2] if source else name) is not None
        line = script.line_of(member.value_at + match.start())
        yield Finding(
            rule="official-plugin" if is_official else "plugin",
            file=at.file,
            line=line,
            detail=source[2] if source else name,
        )


def _package(root: Path) -> Iterator[Finding]:
    text, packages = _manifest(root)
    if not text:
        return
    scripts = json.loads(text).get("scripts")
    for name, command in (scripts if isinstance(scripts, dict) else {}).items():
        match = _COMMAND.search(str(command))
        if match:
            line = _line(text, text.find(json.dumps(name)))
            detail = f"{name}: motia {match['name']}"
            yield Finding(rule="script", file="package.json", line=line, detail=detail)
    for name in packages:
        rule = "test-package" if name == "@motiadev/test" else "package"
        if rule == "test-package" or _UNUSED.match(name):
            line = _line(text, text.find(json.dumps(name)))
            yield Finding(rule=rule, file="package.json", line=line, detail=name)


def _manifest(root: Path) -> tuple[str, list[str]]:
    """The text of package.json and the packages it asks for; nothing where it cannot be read."""
    text = read_text(root / "package.json") or ""
    try:
        manifest = json.loads(text) if text else {}
    except ValueError:
        return "", []
    if not isinstance(manifest, dict):
        return "", []
    found: list[str] = []
    for key in ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies"):
        packages = manifest.get(key)
        found += packages if isinstance(packages, dict) else {}
    return text, found


def _requirements(root: Path, *, has_python: bool) -> Iterator[Finding]:
    text = read_text(root / "requirements.txt")
    # Who has us among the requirements has installed them beside us.
    is_beside = text is None or not text.strip() or "motia-actors" in text
    if (root / "python_modules").is_dir() or (has_python and not is_beside):
        name = "requirements.txt" if text else "python_modules"
        yield Finding(rule="python-modules", file=name)
    ours = _own_requirements()
    for number, line in enumerate((text or "").splitlines(), start=1):
        try:
            asked = Requirement(line.split(" #")[0].strip())
        except InvalidRequirement:
            continue  # An option, a comment, or nothing.
        own = ours.get(canonicalize_name(asked.name))
        if own is not None and _exclude(asked, own):
            detail = f"{asked.name}{asked.specifier}; motia-actors wants {own.name}{own.specifier}"
            yield Finding(rule="requirement", file="requirements.txt", line=number, detail=detail)


def _own_requirements() -> dict[str, Requirement]:
    try:
        lines = requires("motia-actors") or []
    except PackageNotFoundError:
        return {}
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): one for one in found if one.marker is None}


def _exclude(asked: Requirement, own: Requirement) -> bool:
    """No version satisfies both. Tried are the bounds that either names, and right above them."""
    both = asked.specifier & own.specifier
    try:
        bounds = [Version(one.version.removesuffix(".*")) for one in both]
    except InvalidVersion:
        return False  # Only `===` takes such a thing, and nobody can compare it.
    tried = {text for one in bounds for text in (str(one), f"{one.base_version}.9999")}
    return bool(asked.specifier) and not any(map(both.contains, tried))


def _environment(root: Path, name: str) -> Iterator[Finding]:
    text = read_text(root / name)
    if text is None:
        return
    known = {source.name for source in SOURCES.values()} | {"MOTIA_URL"}
    for variable in read_env_file(root / name):
        if _VARIABLE.match(variable) and variable not in known:
            match = re.search(rf"^\s*(?:export\s+)?{re.escape(variable)}\b", text, re.MULTILINE)
            line = _line(text, match.end()) if match else None
            yield Finding(rule="variable", file=name, line=line, detail=variable)


def _drawn(root: Path) -> Iterator[Finding]:
    """Files that only Motia's own workbench and tutorial look at."""
    for folder in ("steps", "src", "tutorial"):
        for place, folders, names in os.walk(root / folder):
            folders[:] = [name for name in folders if name not in SKIPPED and name[0] != "."]
            for name in names:
                file = Path(place, name).relative_to(root).as_posix()
                if _OF_UI.search(name):
                    yield Finding(rule="node-component", file=file)
                elif name.endswith("-features.json"):
                    yield Finding(rule="features", file=file)


def _as(at: Finding, rule: str, detail: str) -> Finding:
    return Finding(rule=rule, file=at.file, line=at.line, detail=detail)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, max(at, 0)) + 1
