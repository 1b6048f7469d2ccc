"""Import the files of a project as Motia does, and forget them again.

The project's root is importable (`from src.services.x import y`), files are named by their
dotted path from it (so that `from .x import y` and `from steps.x import y` share a module),
and no folder needs an `__init__.py`. File names may hold what a module name may not: dashes,
dots and leading digits.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from motia_actors.runners.module_graph import Module, importers

# A stream that a step put in the place of the process's own closes that one's buffer when it goes:
# it must stay for as long as the process, and so the list is no project's.
_REPLACED: list[object] = []

_INSTALLED = frozenset({"site-packages", "dist-packages", "node_modules"})


class ProjectImports:
    """Imports files below root. One thread at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._entry: str | None = None

    def enter(self) -> None:
        """Make root importable: behind the standard library, before what is installed.

        Motia puts it first; this way `queue.py` in the root does not replace Python's own.
        """
        entry = str(self.root)
        if self._entry is not None or any(Path(one).resolve() == self.root for one in sys.path):
            return
        installed = (
            index for index, one in enumerate(sys.path) if _INSTALLED & set(Path(one).parts)
        )
        sys.path.insert(next(installed, len(sys.path)), entry)
        self._entry = entry

    def leave(self) -> None:
        """Undo `enter` and forget the project's modules."""
        self.forget()
        if self._entry in sys.path:
            sys.path.remove(self._entry)
        self._entry = None

    def load(self, path: Path) -> ModuleType:
        """Run a file below root as a new module, also where it was loaded before.

        What the file raises is raised; then the old module, if any, stays where it was.
        """
        self.enter()
        importlib.invalidate_caches()
        parts = path.relative_to(self.root).with_suffix("").parts
        package = self._package(parts[:-1])
        name = ".".join([*([package] if package else []), parts[-1].replace(".", "_")])
        loader = _FreshLoader(name, str(path), depth=len(parts) - 1)
        spec = importlib.util.spec_from_file_location(name, path, loader=loader)
        assert spec is not None, "a loader was given"
        module = importlib.util.module_from_spec(spec)
        old = sys.modules.get(name)
        sys.modules[name] = module
        streams = sys.stdin, sys.stdout, sys.stderr
        try:
            loader.exec_module(module)
        except BaseException:
            if old is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = old
            raise
        finally:
            self._put_back(*streams)
        return module

    def forget(self, names: Collection[str] | None = None) -> dict[str, ModuleType]:
        """Drop these modules, or all that lie below root, from `sys.modules`; answers them."""
        # Found first: the folders of a package are known only while its parent is there.
        dropped = {
            name: module
            for name, module in list(sys.modules.items())
            if (names is None or name in names) and name != "__main__" and self._is_ours(module)
        }
        for name, module in dropped.items():
            del sys.modules[name]
            _unbind(name, module)
            _forget_bytecode(module)
        importlib.invalidate_caches()
        return dropped

    def importers(self, files: Collection[str]) -> dict[str, str]:
        """Names, with their files, of the loaded modules of these files, and of what imports them.

        Args:
            files: Real paths.
        """
        ours = {name: one for name, one in list(sys.modules.items()) if self._is_ours(one)}
        modules = {
            name: Module(file=getattr(one, "__file__", None) or "", package=_package_of(name, one))
            for name, one in ours.items()
        }
        changed = [
            name
            for name, one in modules.items()
            if one.file and os.path.realpath(one.file) in files
        ]
        found = importers(modules, changed) if changed else set()
        return {name: modules[name].file for name in found}

    def files(self) -> list[str]:
        """The files below root whose modules are loaded."""
        ours = (module for module in list(sys.modules.values()) if self._is_ours(module))
        return sorted({str(file) for one in ours if (file := getattr(one, "__file__", None))})

    @contextmanager
    def fresh(self, names: Collection[str]) -> Iterator[None]:
        """Load these modules anew in the body; where it raises, the old ones return."""
        old = self.forget(names)
        try:
            yield
        except BaseException:
            self.forget(names)
            sys.modules.update(old)
            for name, module in old.items():
                _bind(name, module)
            raise

    def _package(self, folders: tuple[str, ...]) -> str:
        """Import the packages of the folders; answers the dotted name of the last."""
        name, folder = "", self.root
        for part in folders:
            folder /= part
            name = f"{name}.{part.replace('.', '_')}" if name else part.replace(".", "_")
            if not _has_folder(sys.modules.get(name), folder):
                self._import_package(name, folder, is_plain="." not in part)
        return name

    def _import_package(self, name: str, folder: Path, *, is_plain: bool) -> None:
        if is_plain and name not in sys.modules:
            try:
                found = importlib.import_module(name)
            except ModuleNotFoundError as error:
                if error.name != name:
                    raise
            else:
                if _has_folder(found, folder):
                    return
        # Someone else has that name, or no name could find the folder: the file is what counts,
        # and relative imports need a package.
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[name] = importlib.util.module_from_spec(spec)

    def _is_ours(self, module: Any) -> bool:
        try:
            file = getattr(module, "__file__", None)
            folders = list(getattr(module, "__path__", ()))
        except Exception:  # noqa: BLE001 (lazy modules of others run code when touched)
            return False
        places = [file] if isinstance(file, str) else folders
        return bool(places) and all(self._is_below(place) for place in places)

    def _is_below(self, place: object) -> bool:
        if not isinstance(place, str) or not place.startswith(str(self.root)):
            return False
        try:
            parts = Path(place).relative_to(self.root).parts
        except ValueError:
            return False
        if not parts or _INSTALLED & set(parts):
            return False
        # A virtual environment inside the project, and this package where it is developed.
        folders = [self.root.joinpath(*parts[:count]) for count in range(1, len(parts))]
        return not any((folder / "pyvenv.cfg").exists() for folder in folders) and not (
            Path(place) == _OURS or _OURS in Path(place).parents
        )

    def _put_back(self, stdin: Any, stdout: Any, stderr: Any) -> None:
        for name, old in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
            new = getattr(sys, name)
            if new is old:
                continue
            try:
                usable = not old.closed and (not hasattr(old, "buffer") or old.buffer is not None)
            except (ValueError, AttributeError):  # Its buffer was detached: the new one has it.
                usable = False
            if usable:
                setattr(sys, name, old)
                _REPLACED.append(new)


class _FreshLoader(SourceFileLoader):
    """Compiles the file as it is now: a cached version of the same second is not told apart."""

    def __init__(self, name: str, path: str, *, depth: int) -> None:
        super().__init__(name, path)
        self._depth = depth

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        tree = ast.parse(self.get_data(path), filename=path)
        code = compile(_Climb(self._depth).visit(tree), path, "exec", dont_inherit=True)
        assert isinstance(code, CodeType)
        return code


class _Climb(ast.NodeTransformer):
    """Turns relative imports that climb to the project's root into absolute ones.

    In Motia the root is itself a package, so `from ..lib import q` in `steps/` means the root's
    `lib`; here the root is on the path, and nothing lies above `steps`.
    """

    def __init__(self, depth: int) -> None:
        self._level = depth + 1

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.level != self._level:
            return node
        absolute: ast.ImportFrom | ast.Import
        if node.module is None:
            absolute = ast.Import(names=node.names)
        else:
            absolute = ast.ImportFrom(module=node.module, names=node.names, level=0)
        return ast.copy_location(absolute, node)


def _has_folder(module: ModuleType | None, folder: Path) -> bool:
    places = getattr(module, "__path__", None)
    return places is not None and str(folder) in [str(Path(one)) for one in places]


def _package_of(name: str, module: ModuleType) -> str:
    package = getattr(module, "__package__", None)
    return package if isinstance(package, str) else name.rpartition(".")[0]


def _unbind(name: str, module: ModuleType) -> None:
    """Take a module out of its package too: `from package import name` looks there first."""
    package, _, last = name.rpartition(".")
    owner = sys.modules.get(package)
    if owner is not None and getattr(owner, last, None) is module:
        delattr(owner, last)


def _bind(name: str, module: ModuleType) -> None:
    package, _, last = name.rpartition(".")
    owner = sys.modules.get(package)
    if owner is not None:
        setattr(owner, last, module)


def _forget_bytecode(module: ModuleType) -> None:
    """Remove the cached version: one saved twice in a second would be taken for the newer."""
    cached = getattr(module, "__cached__", None)
    if isinstance(cached, str):
        try:
            Path(cached).unlink(missing_ok=True)
        except OSError:  # A read-only project has nothing to reload either.
            return


_OURS = Path(__file__).parents[1]
