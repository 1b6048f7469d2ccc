"""npm, for what the tests need of its registry: once for each package.json, kept beside others."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

INSTALL_S_MAX = 150


@functools.cache
def _kept(manifest: bytes) -> Path:
    """A folder with the packages of this package.json."""
    name = hashlib.sha256(manifest).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / "motia-actors-npm" / name
    if not (folder / "node_modules").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
            (Path(fresh) / "package.json").write_bytes(manifest)
            run("install", "--no-audit", "--no-fund", folder=Path(fresh))
            shutil.copytree(fresh, folder, symlinks=True, dirs_exist_ok=True)
    return folder


def install(folder: Path) -> None:
    """Give folder the node_modules its package.json asks for."""
    kept = _kept((folder / "package.json").read_bytes())
    (folder / "node_modules").symlink_to(kept / "node_modules")


def build(folder: Path) -> None:
    """Install, and run the package's script `build`."""
    install(folder)
    run("run", "build", folder=folder)


def run(*arguments: str, folder: Path) -> None:
    """Run npm in folder."""
    done = subprocess.run(
        ["npm", *arguments],
        cwd=folder,
        env={**os.environ, "npm_config_update_notifier": "false"},
        capture_output=True,
        text=True,
        timeout=INSTALL_S_MAX,
        check=False,
    )
    assert done.returncode == 0, f"npm {' '.join(arguments)}: {done.stderr[-2000:]}"
