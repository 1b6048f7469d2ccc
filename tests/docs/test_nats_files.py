"""The files that the page on NATS gives to its readers are run, as far as one machine can."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # noqa: TID251 (our own file, by safe_load)

from motia_actors.cli import cli
from motia_actors.clock import SystemClock
from motia_actors.settings import Settings
from motia_actors.store import StateSet
from motia_actors.stores.nats.address import MONITOR_PORT, PORT, Address, parse
from motia_actors.stores.nats.store import NatsStore
from tests.e2e.server import ROOT
from tests.nats_servers import Server, binary, free_ports
from tests.stores.driving import driven

FILES = ROOT / "docs" / "nats"
UNITS = sorted(FILES.glob("*.service"))
STOP_S_SPARE = 10.0
"""What gunicorn and the store take at the end, beside the time to drain."""


@pytest.fixture
def compose() -> Any:
    return yaml.safe_load((FILES / "compose.yaml").read_text("utf-8"))


def told(compose: Any) -> tuple[Address, str]:
    """What the hosts are told of the servers, and the servers' own configuration."""
    stores = {
        service["environment"]["MOTIA_STORE"]
        for service in compose["services"].values()
        if "environment" in service
    }
    (store,) = stores
    return parse(store), compose["configs"]["nats"]["content"]


def starts(command: str) -> None:
    """Our command line understands it; nothing is run."""
    program, name, *options = shlex.split(command)
    assert Path(program).name == "motia-actors"
    cli.commands[name].make_context(name, options)


def test_the_hosts_of_the_compose_file_find_its_servers(compose: Any) -> None:
    address, config = told(compose)
    services = compose["services"]
    servers = [name for name, one in services.items() if "nats" in one["image"]]

    assert address.servers == tuple((name, PORT) for name in servers)
    assert address.replicas == len(servers) == 3
    assert f"user: {address.user}, password: {address.password}" in config
    assert f"http: {MONITOR_PORT}\n" in config
    for name in servers:
        (mark, file, flag, own) = services[name]["command"].split()
        assert (mark, flag, own) == ("-c", "-n", name)
        assert services[name]["configs"] == [{"source": "nats", "target": file}]
        assert f"nats://{name}:6222" in config
    for name, one in services.items():
        volume, _, folder = one["volumes"][0].partition(":")
        assert volume == name
        assert volume in compose["volumes"]
        if name not in servers:
            starts(one["command"])
            assert folder.endswith("/.motia")
            assert one["depends_on"] == servers
        else:
            assert f"store_dir: {folder}," in config


@pytest.fixture
def cluster(compose: Any, tmp_path: Path) -> Iterator[str]:
    """Three servers as the compose file configures them, on this machine; answers the address."""
    address, config = told(compose)
    ports = free_ports(9)
    servers = []
    for index in range(3):
        own = config.replace("/data", str(tmp_path / f"n{index}" / "js"))
        own = own.replace(f"http: {MONITOR_PORT}", f'http: "127.0.0.1:{ports[3 + index]}"')
        own = own.replace("0.0.0.0:6222", f"127.0.0.1:{ports[6 + index]}")
        for other in range(3):
            own = own.replace(f"n{other + 1}:6222", f"127.0.0.1:{ports[6 + other]}")
        server = Server(tmp_path / f"n{index}", ports=(ports[index], ports[3 + index]))
        (tmp_path / f"n{index}" / "n.conf").write_text(
            f"host: 127.0.0.1\nport: {ports[index]}\nserver_name: n{index}\n{own}"
        )
        servers.append(server)
    try:
        for server in servers:
            server.start()
        for server in servers:
            server.wait_ready()
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports[:3])
        monitors = ",".join(f"127.0.0.1:{port}" for port in ports[3:6])
        entry = f"{address.user}:{address.password}"
        yield f"nats://{entry}@{hosts}?system={address.system}&monitor={monitors}"
    finally:
        for server in servers:
            server.kill()


@pytest.mark.slow
def test_servers_as_in_the_compose_file_keep_what_is_written(cluster: str, tmp_path: Path) -> None:
    where = parse(cluster)
    store = NatsStore(where, tmp_path / "a", SystemClock(), map_bytes_max=2**28)

    with driven(store) as a:
        a.write(StateSet(group="g", key="k", value=b"1"))

        assert a.statistics()["is_connected"] == 1.0


def test_the_servers_configuration_of_the_page_is_one(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "nats.md").read_text("utf-8")
    (config,) = re.findall(r"```\n(server_name: .*?)```", page, re.DOTALL)
    file = tmp_path / "n.conf"
    file.write_text(config)

    run = subprocess.run(
        [binary(), "-t", "-c", str(file)], timeout=30, check=False, capture_output=True, text=True
    )

    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.stem)
def test_a_unit_is_one_that_systemd_takes(file: Path, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("apt-get install systemd")
    # Only whether the programs are there is another matter.
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", file.read_text("utf-8"), flags=re.M)
    (tmp_path / file.name).write_text(text)

    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / file.name)],
        timeout=30, check=False, capture_output=True, text=True,
    )  # fmt: skip

    problems = [line for line in run.stderr.splitlines() if file.name in line]
    assert problems == []
    assert run.returncode == 0, run.stderr


def test_the_unit_of_a_host_starts_it_and_waits_for_its_end() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(FILES / "motia-shop.service")
    service = unit["Service"]

    starts(service["ExecStart"])
    assert float(service["TimeoutStopSec"]) >= Settings(project=ROOT).drain_s + STOP_S_SPARE
    assert service["ReadWritePaths"] == f"{service['WorkingDirectory']}/.motia"
