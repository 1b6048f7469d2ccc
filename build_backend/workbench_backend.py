"""The build backend: setuptools, after the workbench's front end was built.

Wheels and editable installs carry the built files. Where the machine has no Node that can build
them, Node from PyPI is asked for, as a requirement of the build alone.
"""

from __future__ import annotations

from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)
from workbench_build import NODE_FROM_PYPI, build, is_current, machine_node

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

Config = dict[str, Any] | None


def _node() -> list[str]:
    return [] if is_current() or machine_node() is not None else [NODE_FROM_PYPI]


def get_requires_for_build_wheel(config_settings: Config = None) -> list[str]:
    """Setuptools' own, and Node where this machine has none."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_node()]


def get_requires_for_build_editable(config_settings: Config = None) -> list[str]:
    """Setuptools' own, and Node where this machine has none."""
    return [*build_meta.get_requires_for_build_editable(config_settings), *_node()]


def build_wheel(
    wheel_directory: str, config_settings: Config = None, metadata_directory: str | None = None
) -> str:
    """Build the front end, then the wheel that carries it."""
    build()
    return str(build_meta.build_wheel(wheel_directory, config_settings, metadata_directory))


def build_editable(
    wheel_directory: str, config_settings: Config = None, metadata_directory: str | None = None
) -> str:
    """Build the front end beside its sources, then the editable wheel."""
    build()
    return str(build_meta.build_editable(wheel_directory, config_settings, metadata_directory))
