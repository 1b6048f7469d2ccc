"""What Python code that steps run means here that it does not mean under Motia."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from motia_actors.compat.finding import Finding
from motia_actors.compat.sources import PythonFile

Function = ast.FunctionDef | ast.AsyncFunctionDef

_CONTAINERS = frozenset(
    ("dict", "list", "set", "defaultdict", "deque", "OrderedDict", "Counter", "WeakValueDictionary")
)
_MUTATORS = frozenset(
    (
        *("append", "appendleft", "add", "update", "setdefault", "pop", "popleft", "popitem"),
        *("remove", "discard", "clear", "extend", "insert"),
    )
)
_CACHES = frozenset(("cache", "lru_cache", "functools.cache", "functools.lru_cache"))
_TASKS = frozenset(("asyncio.create_task", "asyncio.ensure_future"))
_PROCESS_WIDE = frozenset(("os.chdir", "os.umask", "signal.signal", "signal.alarm", "os.setuid"))
_EXITS = frozenset(("os._exit", "os.abort"))
_STATE_ARGUMENTS = {"get": 2, "set": 3, "delete": 2}


def of_python(file: PythonFile) -> Iterator[Finding]:
    """The findings of one file's code."""
    reads_state = False
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Call):
            yield from _of_call(file, node)
            reads_state = reads_state or _is_state_get(node)
        elif isinstance(node, ast.Attribute) and node.attr == "rpc":
            if dotted(node.value) in ("context", "ctx"):
                yield _at(file, "rpc", node)
        elif isinstance(node, ast.Expr):
            yield from _of_statement(file, node)
        elif isinstance(node, ast.Assign | ast.AugAssign):
            yield from _of_assignment(file, node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from of_text(file.name, node.lineno, node.value)
    enveloped = list(_enveloped(file))
    yield from enveloped
    if reads_state and not enveloped:
        first = min(
            node.lineno
            for node in ast.walk(file.tree)
            if isinstance(node, ast.Call) and _is_state_get(node)
        )
        yield Finding(rule="state-get", file=file.name, line=first)
    yield from _module_state(file)


def of_text(file: str, line: int, text: str) -> Iterator[Finding]:
    """Addresses and names of Motia's own in a text of a program, whatever its language."""
    path = text.split("?")[0]
    if "://" in path:
        path = f"/{path.split('://', 1)[1].partition('/')[2]}"
    if path == "/emit" or (path.startswith("/__motia/") and _is_there(path)):
        yield Finding(rule="endpoint", file=file, line=line, detail=path)
    elif path.startswith(("/__motia/", "/motia/analytics/")):
        yield Finding(rule="gone-endpoint", file=file, line=line, detail=path)
    elif text in _INTERNAL:
        yield Finding(rule="internal-stream", file=file, line=line, detail=text)


_INTERNAL = frozenset(
    (
        *("__motia.flows", "__motia.flowsConfig", "__motia.api-endpoints", "__motia.logs"),
        *("__motia.streams-registry", "__motia.bullmq-queues", "__motia.deployment"),
        *("motia-trace-group", "motia-trace"),
    )
)
_KEPT = ("state", "streams", "step", "trace/clear")


def _is_there(path: str) -> bool:
    rest = path.removeprefix("/__motia/")
    return any(rest == kept or rest.startswith(f"{kept}/") for kept in _KEPT)


def _of_call(file: PythonFile, node: ast.Call) -> Iterator[Finding]:
    name = dotted(node.func)
    method, owner = name.rpartition(".")[2], name.rpartition(".")[0]
    if method == "emit" and owner in ("context", "ctx", ""):
        yield from _of_emit(file, node)
    elif method in _STATE_ARGUMENTS and owner.rpartition(".")[2] == "state":
        is_plain = not node.keywords and not any(isinstance(a, ast.Starred) for a in node.args)
        if is_plain and len(node.args) < _STATE_ARGUMENTS[method]:
            yield _at(file, "state-arity", node, f"state.{method} with {len(node.args)}")
    elif name in _PROCESS_WIDE:
        yield _at(file, "process-wide", node, name)
    elif name in _EXITS:
        yield _at(file, "exit", node, name)


def _of_emit(file: PythonFile, node: ast.Call) -> Iterator[Finding]:
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield _at(file, "emit-form", node, f'emit("{first.value}", …)')
    elif isinstance(first, ast.Dict) and None not in first.keys:
        keys = {key.value for key in first.keys if isinstance(key, ast.Constant)}
        for wrong, right in (("type", "topic"), ("payload", "data")):
            if wrong in keys and right not in keys:
                yield _at(file, "emit-form", node, f"{wrong!r} for {right!r}")


def _of_statement(file: PythonFile, node: ast.Expr) -> Iterator[Finding]:
    """Work that is started and let go of."""
    call = node.value
    if not isinstance(call, ast.Call):
        return
    name = dotted(call.func)
    if name in _TASKS:
        yield _at(file, "after-return", node, name)
    elif name.endswith(".start") or name == ".start":
        of = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(of, ast.Call) and dotted(of.func) in ("threading.Thread", "Thread"):
            yield _at(file, "after-return", node, "a thread")


def _of_assignment(file: PythonFile, node: ast.Assign | ast.AugAssign) -> Iterator[Finding]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    for target in targets:
        if isinstance(target, ast.Subscript) and dotted(target.value) == "os.environ":
            yield _at(file, "process-wide", node, "os.environ")
        elif dotted(target) in ("sys.stdout", "sys.stderr"):
            yield _at(file, "process-wide", node, dotted(target))


def _enveloped(file: PythonFile) -> Iterator[Finding]:
    """Where `data` is read out of what `state.get` answered."""
    for function in _functions(file.tree):
        names = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and _is_answer(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(function):
            of: ast.expr | None = None
            match node:
                case ast.Subscript(value=value, slice=ast.Constant(value="data")):
                    of = value
                case ast.Call(
                    func=ast.Attribute(value=value, attr="get"), args=[ast.Constant("data"), *_]
                ):
                    of = value
                case ast.Compare(
                    left=ast.Constant("data"), ops=[ast.In() | ast.NotIn()], comparators=[value]
                ):
                    of = value
            if of is not None and (_is_answer(of) or (isinstance(of, ast.Name) and of.id in names)):
                yield _at(file, "state-envelope", node)


def _is_answer(node: ast.expr) -> bool:
    """It is what a `state.get` answers, awaited; `or` with something else counts too."""
    if isinstance(node, ast.BoolOp):
        return _is_answer(node.values[0])
    if isinstance(node, ast.Await):
        return _is_answer(node.value)
    return isinstance(node, ast.Call) and _is_state_get(node)


def _is_state_get(node: ast.Call) -> bool:
    name = dotted(node.func)
    return name == "state.get" or name.endswith(".state.get")


def _module_state(file: PythonFile) -> Iterator[Finding]:
    """Variables of the module that functions change."""
    held: dict[str, ast.stmt] = {}
    names: set[str] = set()
    for node in file.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    names.add(target.id)
                    if _is_container(node.value):
                        held[target.id] = node
    told: set[str] = set()
    for function in _functions(file.tree):
        for name in (*_globals(function), *_mutated(function, held)):
            if name in names and name not in told:
                told.add(name)
                yield _at(file, "module-state", held.get(name) or _first(file.tree, name), name)
        for decorator in function.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if dotted(called) in _CACHES and function.name not in told:
                told.add(function.name)
                yield _at(file, "module-state", function, f"answers of {function.name} are cached")


def _mutated(function: Function, held: dict[str, ast.stmt]) -> Iterator[str]:
    own = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    } | {argument.arg for argument in ast.walk(function) if isinstance(argument, ast.arg)}
    for node in ast.walk(function):
        of: ast.expr | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value if node.func.attr in _MUTATORS else None
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            of = node.value
        if isinstance(of, ast.Name) and of.id in held and of.id not in own:
            yield of.id


def _globals(function: Function) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Global):
            yield from node.names


def _functions(tree: ast.AST) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _is_container(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return dotted(node.func).rpartition(".")[2] in _CONTAINERS
    return isinstance(node, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp)


def _first(tree: ast.Module, name: str) -> ast.stmt:
    return next(
        node
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(node))
    )


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an expression that is one; what is no name in it is left out."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    parts.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))


def _at(file: PythonFile, rule: str, node: ast.AST, detail: str = "") -> Finding:
    line = getattr(node, "lineno", None)
    return Finding(rule=rule, file=file.name, line=line, detail=detail)
