"""Whoever stays with LMDB pays nothing for NATS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from pathlib import Path
from motia_actors.clock import SystemClock
from motia_actors.parts import store_of
from motia_actors.settings import read_settings
import motia_actors.app, motia_actors.cli
store = store_of(read_settings({}, project=Path(sys.argv[1])), SystemClock())
store.open(); store.close()
assert type(store).__name__ == "LmdbStore"
print([name for name in sys.modules if name.partition(".")[0] == "nats" or "stores.nats" in name])
"""


def test_the_lmdb_store_imports_nothing_of_nats(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)],
        timeout=60,
        check=True,
        capture_output=True,
        text=True,
    )

    assert run.stdout == "[]\n"
