"""The command line: what it prints, with which exit status, and where it listens."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from motia_actors import cli as commands
from motia_actors.cli_report import show
from motia_actors.parts import read_project
from motia_actors.settings import Settings
from motia_actors.web.server import Server
from tests.e2e.server import EXAMPLES, copy_project, free_port, write_project

GREET = """
config = {"name": "Greet", "type": "api", "path": "/greet", "method": "GET", "emits": []}

async def handler(req, context):
    return {"status": 200}
"""
Invoke = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Invoke]:
    """Run the command line here; environment and working directory are put back."""
    before = dict(os.environ)
    for name in [name for name in before if name.startswith("MOTIA_")]:
        del os.environ[name]
    monkeypatch.chdir(tmp_path)
    yield lambda *words: CliRunner().invoke(commands.cli, [str(word) for word in words])
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "shop", {"steps/greet_step.py": GREET})


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Server]:
    """The servers that were run: configured as they are, without their processes."""
    served: list[Server] = []

    class Configured(Server):
        def run(self) -> None:
            served.append(self)

    monkeypatch.setattr(commands, "Server", Configured)
    monkeypatch.setattr(commands, "_report", lambda _: None)
    return served


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_the_version_is_that_of_the_package(invoke: Invoke) -> None:
    result = invoke("--version")

    assert result.exit_code == 0
    assert result.output.strip().endswith(version("motia-actors"))


@pytest.mark.parametrize("words", [["--nonsense"], ["check", "--nonsense"], ["nonsense"]])
def test_unknown_words_are_a_usage_error(invoke: Invoke, words: list[str]) -> None:
    result = invoke(*words)

    assert result.exit_code == 2
    assert "No such" in result.output


def test_a_project_folder_that_is_missing_is_a_usage_error(invoke: Invoke) -> None:
    result = invoke("check", "--project", "nowhere")

    assert result.exit_code == 2
    assert "nowhere" in result.output


def test_check_of_a_good_project_counts_what_it_has(invoke: Invoke, project: Path) -> None:
    result = invoke("check", "--project", project)

    assert result.exit_code == 0, result.output
    assert "1 step, 0 streams, 0 errors, 0 warnings" in result.output


def test_check_is_for_the_working_directory_by_default(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)

    assert "1 step," in invoke("check").output


def test_check_of_an_empty_project_says_what_is_missing(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("check", "--project", tmp_path)

    assert result.exit_code == 1
    assert f"nothing to run: {tmp_path} has no steps/*_step.py" in result.output


def test_check_shows_every_problem_with_file_field_reason_and_way_out(
    invoke: Invoke, project: Path
) -> None:
    cron = "config = {'name': 'C', 'type': 'cron', 'cron': '99 * * * *'}\ndef handler(c): pass"
    files = {
        "steps/a_step.py": "import no_such_package_here",
        "steps/c_step.py": cron,
        "steps/z_step.py": GREET,
    }

    result = invoke("check", "--project", write_project(project, files))

    assert result.exit_code == 1
    assert "error: steps/a_step.py:1: package 'no_such_package_here' is not" in result.output
    assert "error: steps/c_step.py:1 cron: '99 * * * *'" in result.output
    assert "\n    write five fields" in result.output
    assert "warning: steps/z_step.py:2 path: GET /greet is already answered by" in result.output
    assert "2 errors, 2 warnings" in result.output


@pytest.mark.parametrize(("words", "code"), [([], 0), (["--strict"], 1)])
def test_a_warning_fails_a_strict_check_alone(
    invoke: Invoke, project: Path, words: list[str], code: int
) -> None:
    (project / "steps" / "z_step.py").write_text(GREET, "utf-8")

    assert invoke("check", "--project", project, *words).exit_code == code


def test_steps_may_ask_for_variables_of_the_env_file_on_import(
    invoke: Invoke, project: Path
) -> None:
    step = f"import os\nos.environ['SHOP_KEY']{GREET}"
    files = {".env": "SHOP_KEY=k1\n", "steps/greet_step.py": step}

    result = invoke("check", "--project", write_project(project, files))

    assert result.exit_code == 0, result.output


def test_a_setting_of_the_env_file_is_checked_too(
    invoke: Invoke, project: Path, served: list[Server]
) -> None:
    (project / ".env").write_text("MOTIA_DRAIN_TIMEOUT=-5\n", "utf-8")

    result = invoke("start", "--project", project)

    assert result.exit_code == 2
    assert result.stderr == (
        "motia-actors: MOTIA_DRAIN_TIMEOUT='-5': write a number from 0 to 3600\n"
    )
    assert served == []


@pytest.mark.parametrize("command", ["start", "dev", "check"])
@pytest.mark.parametrize(
    "setting", [("MOTIA_API_TIMEOUT", "soon"), ("MOTIA_STORE", "redis://localhost")]
)
def test_a_wrong_setting_is_one_sentence(
    invoke: Invoke, project: Path, served: list[Server], command: str, setting: tuple[str, str]
) -> None:
    os.environ[setting[0]] = setting[1]

    result = invoke(command, "--project", project)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"motia-actors: {setting[0]}='{setting[1]}': write ")
    assert result.stderr.count("\n") == 1
    assert served == []


def test_piped_output_is_whole_and_plain(invoke: Invoke, tmp_path: Path) -> None:
    orders = copy_project(EXAMPLES / "orders", tmp_path / "orders")

    lines = invoke("check", "--project", orders).output.splitlines()

    row = next(line for line in lines if line.startswith("ChargePayment"))
    assert row.split("  ")[:2] == ["ChargePayment", "event"]
    assert row.rstrip().endswith("steps/charge_payment_step.py")
    assert "payment.charged" in row
    assert "streams: orders" in lines
    assert not [line for line in lines if "\x1b" in line or "…" in line]


def test_check_says_who_emits_and_who_takes_each_topic(invoke: Invoke, tmp_path: Path) -> None:
    heard = "config = {'name': 'Hear', 'type': 'event', 'subscribes': ['a', 'b'], 'emits': ['c']}"
    said = GREET.replace('"emits": []', '"emits": ["a"]')
    files = {"steps/a_step.py": said, "steps/b_step.py": f"{heard}\ndef handler(e, c): pass"}

    lines = invoke("check", "--project", write_project(tmp_path / "p", files)).output.splitlines()

    first = [line.split() for line in lines].index(["topic", "from", "to"])
    assert [line.split() for line in lines[first + 1 : first + 4]] == [
        ["a", "Greet", "Hear"],
        ["b", "nobody", "Hear"],
        ["c", "Hear", "nobody"],
    ]


def test_check_says_when_a_cron_step_runs_next_in_its_own_zone(tmp_path: Path) -> None:
    text = """config = {"name": "Tick", "type": "cron", "cron": "0 9 * * *", "emits": [],
          "infrastructure": {"cron": {"timezone": "Asia/Tokyo"}}}
def handler(context): pass
"""
    project = write_project(tmp_path / "p", {"steps/tick_step.py": text})

    # 1970 begins at 09:00 in Tokyo, and the next slot is after that.
    assert "Tick  1970-01-02 09:00:00 JST  0 9 * * *" in plain(shown(project, width=200))


def plain(text: str) -> str:
    return text.replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "")


def shown(project: Path, *, width: int) -> str:
    """The report as a terminal of that width has it."""
    stream = io.StringIO()
    environ = {"TERM": "xterm-256color"}  # Not ours: the tests may run at no terminal at all.
    console = Console(
        file=stream, force_terminal=True, width=width, highlight=False, _environ=environ
    )
    settings = Settings(project=project)
    show(console, read_project(settings), settings, now_s=0.0)
    return stream.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_at_a_terminal_nothing_is_cut_off(invoke: Invoke, tmp_path: Path, width: int) -> None:
    text = shown(copy_project(EXAMPLES / "orders", tmp_path / "orders"), width=width)

    assert "\x1b[" in text
    assert "…" not in text
    for whole in ("ChargePayment", "payment.charged", "charge_payment_step.py", "mailbox 256"):
        assert whole in text


def test_eighty_columns_take_every_line_of_an_example(invoke: Invoke, tmp_path: Path) -> None:
    text = shown(copy_project(EXAMPLES / "orders", tmp_path / "orders"), width=80)

    assert max(len(line) for line in plain(text).splitlines()) <= 80


def test_brackets_of_a_name_are_shown_as_they_are(invoke: Invoke, project: Path) -> None:
    text = GREET.replace("Greet", "Greet[red]").replace("/greet", "/greet/[bold]")
    (project / "steps" / "greet_step.py").write_text(text, "utf-8")

    output = invoke("check", "--project", project).output

    assert "Greet[red]" in output
    assert "/greet/[bold]" in output


@pytest.mark.parametrize("command", ["start", "dev"])
def test_the_working_directory_becomes_the_projects(
    invoke: Invoke, project: Path, served: list[Server], command: str
) -> None:
    result = invoke(command, "--project", "shop", "--port", free_port())

    assert result.exit_code == 0, result.output
    assert Path.cwd() == project
    assert os.environ["MOTIA_PROJECT"] == str(project)
    assert len(served) == 1


def test_options_reach_gunicorn(invoke: Invoke, project: Path, served: list[Server]) -> None:
    port = free_port()
    words = ["-w", 3, "-k", "sync", "--threads", 4, "--preload", "-H", "localhost", "-p", port]

    invoke("start", "--project", project, *words)

    cfg = served[0].cfg
    assert cfg.address == [("localhost", port)]
    assert (cfg.workers, cfg.worker_class_str, cfg.threads) == (3, "gthread", 4)
    assert cfg.preload_app


def test_the_projects_gunicorn_file_says_where_to_listen(
    invoke: Invoke, project: Path, served: list[Server]
) -> None:
    port = free_port()
    (project / "gunicorn.conf.py").write_text(f"bind = '127.0.0.1:{port}'\nworkers = 5\n", "utf-8")

    invoke("start", "--project", project, "--workers", 2)

    assert served[0].cfg.address == [("127.0.0.1", port)]
    assert served[0].cfg.workers == 2


@pytest.mark.parametrize("command", ["start", "dev"])
@pytest.mark.parametrize("option", ["--port", "--bind"])
def test_a_busy_port_that_was_asked_for_is_one_sentence(
    invoke: Invoke, project: Path, served: list[Server], taken: int, command: str, option: str
) -> None:
    where = taken if option == "--port" else f"127.0.0.1:{taken}"

    result = invoke(command, "--project", project, option, where)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"motia-actors: port {taken} of 127.0.0.1 is in use; ")
    assert served == []


@pytest.fixture
def usual(taken: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """The port that is used where none is asked for: somebody listens on it."""
    monkeypatch.setattr(commands, "PORT", taken)
    return taken


@pytest.mark.usefixtures("usual")
def test_start_does_not_leave_the_usual_port(
    invoke: Invoke, project: Path, served: list[Server]
) -> None:
    assert invoke("start", "--project", project).exit_code == 2
    assert served == []


def test_dev_takes_one_of_the_next_ports_and_says_so(
    invoke: Invoke, project: Path, served: list[Server], usual: int
) -> None:
    result = invoke("dev", "--project", project)

    (host, port), *_ = served[0].cfg.address
    assert host == "127.0.0.1"
    assert usual < port <= usual + 10
    assert f"port {usual} is in use, so this is on port {port}" in result.output
    assert f"listening on http://127.0.0.1:{port}" in result.output
    assert f"workbench  http://127.0.0.1:{port}/__workbench\n" in result.output
    assert f"OpenAPI    http://127.0.0.1:{port}/openapi\n" in result.output


def test_dev_sets_what_its_worker_is_to_know(
    invoke: Invoke, project: Path, served: list[Server]
) -> None:
    invoke("dev", "--project", project, "--bind", "unix:shop.sock")

    assert os.environ["MOTIA_DEV"] == "on"
    assert served[0].cfg.workers == 1
    assert served[0].cfg.address == ["shop.sock"]


@pytest.mark.slow
def test_the_report_of_dev_is_what_check_shows(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    commands._report(project)

    said = capfd.readouterr().out
    assert "GET /greet" in said
    assert "1 step, 0 streams, 0 errors, 0 warnings" in said
