"""What TypeScript and JavaScript that steps run mean here that they do not mean under Motia."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from motia_actors.compat.finding import Finding
from motia_actors.compat.python_rules import of_text
from motia_actors.compat.script import Script
from motia_actors.compat.sources import ScriptFile

_EXPORT = re.compile(
    r"^export\s+(?:(?:async\s+)?(?:const|class|function\*?)\s+([\w$]+)|\{([^}]*)\})", re.MULTILINE
)


def exported(text: str) -> frozenset[str]:
    """The names that a module exports."""
    found: set[str] = set()
    for name, several in _EXPORT.findall(text):
        words = [one.split()[-1] for one in several.split(",") if one.strip()]
        found |= {name} if name else set(words)
    return frozenset(found)


@cache
def shim() -> frozenset[str]:
    """What `import … from 'motia'` gives at run time."""
    module = files("motia_actors.runners") / "javascript" / "motia.mjs"
    return exported(module.read_text("utf-8"))


_IMPORT = re.compile(
    r"\bimport\s+(?!type\b)(?:[\w$]+\s*,?\s*)?(?:\{(?P<names>[^}]*)\})?\s*from\s*"
    r"(['\"])(?P<of>(?:motia|@motiadev)(?:/[^'\"\n]*)?)\2"
)
_CLIENT = re.compile(r"@motiadev/stream-client")
_QUOTED = re.compile(r"(['\"`])(/[^'\"`\n]*|https?://[^'\"`\n]*|(?:__)?motia[.-][\w.-]*)\1")
# Of the context, or taken out of it: not what other objects call so.
_OURS = r"(?:(?<![\w$.])|(?<=\bctx\.)|(?<=\bcontext\.))"
_EMIT = re.compile(_OURS + r"emit\s*\(\s*")
_OWN_STATE = re.compile(r"\b(?:const|let|var)\s+state\s*[=:]")
_STATE = re.compile(_OURS + r"state\s*\.\s*(get|set|delete)\s*(?:<[^>(]*>)?\s*\(")
_ARGUMENTS = {"get": 2, "set": 3, "delete": 2}
_LET = re.compile(r"^(?:export\s+)?(?:let|var)\s+([\w$]+)", re.MULTILINE)
_HELD = re.compile(
    r"^(?:export\s+)?const\s+([\w$]+)\s*(?::[^=\n]+)?=\s*"
    r"(?:new\s+(?:Map|Set|WeakMap|WeakSet|Array)\b|\[|\{)",
    re.MULTILINE,
)
_MUTATES = r"(?:\s*\.\s*(?:set|add|delete|clear|push|pop|shift|unshift|splice|fill)\s*\(|{member})"
_MEMBER = r"\s*(?:\[[^\]\n]*\]|\.[\w$]+)\s*(?:=(?![=>])|\+=|-=|\+\+|--|\?\?=|\|\|=)"
_TIMER = re.compile(r"(?<![\w$.])(setInterval|setTimeout)\s*\(")
_WIDE = re.compile(
    r"\bprocess\s*\.\s*(?:(chdir|umask|on|once|addListener)\s*\(|env\s*[.\[][^=\n]{1,60}?=(?![=>]))"
)
_FOLDER = re.compile(
    r"(?<![\w$.])__dirname\b|(?<![\w$.])__filename\b|\bimport\.meta\.(?:dirname|filename|url)\b"
)
_DECORATOR = re.compile(r"^[ \t]*@[A-Za-z_$][\w$.]*(?:\(|\s*$)", re.MULTILINE)


def of_script(file: ScriptFile, *, has_compiler: bool) -> Iterator[Finding]:
    """The findings of one file's code; has_compiler: decorators can be compiled."""
    script = file.script
    yield from _imports(file)
    for match in _QUOTED.finditer(script.text):
        # What is quoted is blank in the code; what is commented out has no quotes there.
        if script.code[match.start()] == match[1] or (match[1] == "`" and _is_code(script, match)):
            yield from of_text(file.name, script.line_of(match.start()), match[2])
    yield from _emits(file)
    has_own = _OWN_STATE.search(script.code) is not None
    for match in () if has_own else _STATE.finditer(script.code):
        count = _argument_count(script, match.end() - 1)
        if count is not None and count < _ARGUMENTS[match[1]]:
            yield _at(file, "state-arity", match.start(), f"state.{match[1]} with {count}")
    yield from _module_state(file)
    yield from _timers(file)
    for match in _WIDE.finditer(script.code):
        yield _at(file, "process-wide", match.start(), _first_line(match[0]))
    for match in _FOLDER.finditer(script.code):
        if file.name.endswith("ts"):
            yield _at(file, "compiled-folder", match.start(), match[0])
    match_of = None if has_compiler else _DECORATOR.search(script.code)
    if match_of and file.name.endswith("ts"):
        yield _at(file, "decorators", match_of.start(), match_of[0].strip(" \t\n("))


def _imports(file: ScriptFile) -> Iterator[Finding]:
    """Values of Motia's own packages; what is only used as a type is erased."""
    script = file.script
    for match in _IMPORT.finditer(script.text):
        of = match["of"]
        if script.code[match.start() : match.start() + 6] != "import" or _CLIENT.match(of):
            continue
        rest = script.code[: match.start()] + script.code[match.end() :]
        for name in (match["names"] or "").split(","):
            words = name.split()
            if not words or words[0] == "type":
                continue
            is_value = re.search(
                rf"\bnew\s+{re.escape(words[-1])}\b|(?<![\w$.]){re.escape(words[-1])}\s*[(.]", rest
            )
            is_here = of in ("motia", "@motiadev/core") and words[0] in shim()
            if is_value and not is_here:
                yield _at(file, "motia-value", match.start(), f"{words[0]} of {of}")


def _emits(file: ScriptFile) -> Iterator[Finding]:
    script = file.script
    for match in _EMIT.finditer(script.code):
        at = match.end()
        if script.code[at : at + 1] in ("'", '"'):
            word = re.match(r"(['\"])([^'\"\n]*)\1", script.text[at:])
            yield _at(file, "emit-form", match.start(), f"emit('{word[2] if word else ''}', …)")
        elif script.code[at : at + 1] == "{":
            keys = script.members(at)
            if "..." in script.code[at : at + 200].split("}")[0]:
                continue
            for wrong, right in (("type", "topic"), ("payload", "data")):
                if wrong in keys and right not in keys:
                    yield _at(file, "emit-form", match.start(), f"{wrong!r} for {right!r}")


def _module_state(file: ScriptFile) -> Iterator[Finding]:
    """Variables of the module that functions change."""
    script = file.script
    for match in _LET.finditer(script.code):
        name = re.escape(match[1])
        changed = re.compile(
            rf"(?<![\w$.]){name}\s*(?:=(?![=>])|\+=|-=|\+\+|--|\?\?=|\|\|=)|(?:\+\+|--){name}\b"
        )
        if _is_inside(script, changed):
            yield _at(file, "module-state", match.start(), match[1])
    for match in _HELD.finditer(script.code):
        if match[1] in ("config", "handler") or script.depth_at(match.start()):
            continue
        mutated = re.compile(
            rf"(?<![\w$.]){re.escape(match[1])}" + _MUTATES.replace("{member}", _MEMBER)
        )
        if _is_inside(script, mutated):
            yield _at(file, "module-state", match.start(), match[1])


def _is_inside(script: Script, pattern: re.Pattern[str]) -> bool:
    return any(script.depth_at(match.start()) for match in pattern.finditer(script.code))


def _timers(file: ScriptFile) -> Iterator[Finding]:
    """Timers that nobody waits for: those of a promise, and those that are cleared, are awaited."""
    script = file.script
    for match in _TIMER.finditer(script.code):
        before = script.code[max(0, match.start() - 120) : match.start()]
        after = script.code[match.end() : match.end() + 80]
        is_awaited = "Promise" in before or "abort" in after or "reject" in after
        if script.depth_at(match.start()) and not is_awaited and "clear" not in script.code:
            yield _at(file, "after-return", match.start(), match[1])


def _argument_count(script: Script, paren_at: int) -> int | None:
    """How many arguments a call has; None where some are spread in, or it has no end."""
    depth, commas, has_any = 0, 0, False
    for at in range(paren_at, min(len(script.code), paren_at + 20_000)):
        mark = script.code[at]
        if mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
            if depth == 0:
                inside = script.code[paren_at + 1 : at].rstrip()
                if "..." in inside:
                    return None
                return commas + has_any - inside.endswith(",")
        elif mark == "," and depth == 1:
            commas += 1
        if depth and not mark.isspace() and at > paren_at:
            has_any = True
        if mark == " " and script.text[at] == "`":
            has_any = True
    return None


def _is_code(script: Script, match: re.Match[str]) -> bool:
    """There is code on the line where the match begins, so it is not in a comment."""
    begin = script.code.rfind("\n", 0, match.start()) + 1
    return bool(script.code[begin : match.start()].strip())


def _first_line(text: str) -> str:
    return " ".join(text.split()).rstrip("( ")


def _at(file: ScriptFile, rule: str, at: int, detail: str = "") -> Finding:
    return Finding(rule=rule, file=file.name, line=file.script.line_of(at), detail=detail)
