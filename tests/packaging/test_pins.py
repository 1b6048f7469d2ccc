"""`constraints.txt` is the lock of the environment that the tests run in."""

from __future__ import annotations

import re
from importlib.metadata import distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.e2e.server import ROOT

# Of the environment itself, as `python -m venv` makes it, and ours.
NOT_PINNED = {"pip", "setuptools", "wheel", "motia-actors"}


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    found: dict[str, str] = {}
    for line in lines:
        text = re.sub(r"#.*", "", line).strip()
        if text:
            requirement = Requirement(text)
            (one,) = requirement.specifier
            assert one.operator == "==", line
            found[canonicalize_name(requirement.name)] = one.version
    return found


def test_every_installed_distribution_is_pinned_to_its_version() -> None:
    pins = pinned()
    installed = {canonicalize_name(one.metadata["Name"]): one.version for one in distributions()}

    loose = {
        name: version
        for name, version in installed.items()
        if name not in NOT_PINNED and pins.get(name) != version
    }
    assert len(installed) > 50
    assert loose == {}, "add them to constraints.txt"
