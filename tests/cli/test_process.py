"""The command as a process of its own: its imports, its streams, its pipes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.models import IMAGE

COMMAND = [sys.executable, "-m", "costlab"]
INSTALLED = Path(sys.executable).with_name("costlab")
ROOT = Path(__file__).parents[2]


def environ(**changed: str) -> dict[str, str]:
    """The environment without what says how a terminal is, and with some changes."""
    kept = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "FORCE_COLOR", "NO_COLOR"}}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", **changed}


def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """A run of the command, with its streams captured."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
        env=environ(**changed),
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of Inception-v3, saved by a process of its own."""
    path = str(tmp_path_factory.mktemp("saved") / "a.json")
    found = run("report", "inception_v3", "--format", f"json:{path}", "--format", "text")
    assert (found.returncode, found.stderr) == (0, "")
    assert "5,713,216,096 MACs" in found.stdout
    return path


IMPORTED = """
import sys
from costlab.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    loaded = {"torch", "numpy", "fvcore", "torchvision"} & set(sys.modules)
    sys.exit(f"imported {loaded}" if loaded else end.code)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["report", "--help"],
        ["--version"],
        ["list"],
        ["show", "SAVED"],
        ["schema", "report/1"],
        ["reprot"],
    ],
    ids=" ".join,
)
def test_torch_is_not_imported(saved: str, arguments: list[str]) -> None:
    """What needs no model is said without the second that torch takes to import."""
    given = [saved if word == "SAVED" else word for word in arguments]
    found = subprocess.run(
        [sys.executable, "-c", IMPORTED, *given],
        capture_output=True,
        text=True,
        check=False,
        env=environ(),
    )
    assert "imported" not in found.stderr
    assert found.returncode == (2 if given == ["reprot"] else 0), found.stderr


def test_the_import_guard_can_fail() -> None:
    """A report does import torch, and the guard sees it."""
    found = subprocess.run(
        [sys.executable, "-c", IMPORTED, "report", "torch.nn:Identity", "-i", "f32[1]"],
        capture_output=True,
        text=True,
        check=False,
        env=environ(),
    )
    assert found.returncode == 1
    assert "imported" in found.stderr


@pytest.mark.skipif(not INSTALLED.exists(), reason="costlab is not installed: pip install -e .")
@pytest.mark.parametrize("command", [[str(INSTALLED)], [sys.executable, str(ROOT / "cli.py")]])
def test_the_other_ways_in(command: list[str]) -> None:
    """The installed command and the file in a checkout are the same command."""
    found = subprocess.run(
        [*command, "list"], capture_output=True, text=True, check=False, env=environ()
    )
    assert (found.returncode, found.stdout) == (0, run("list").stdout)


def piped(command: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """A run of a shell's command line, in which `$costlab` is the command."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],  # noqa: S607 - any bash will do
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
        env=environ(costlab=" ".join(COMMAND), **changed),
    )


@pytest.mark.parametrize("arguments", ["show $saved --depth 9", "--help", "list"])
def test_a_reader_that_goes_away(saved: str, arguments: str) -> None:
    """`| head -1` is no error, and nobody complains of a broken pipe."""
    found = piped(f"$costlab {arguments} | head -1", saved=saved)
    assert (found.returncode, found.stderr) == (0, "")
    assert len(found.stdout.splitlines()) == 1


def test_files_are_written_though_the_reader_goes_away(saved: str, tmp_path: Path) -> None:
    """What goes to a file does not depend on who reads stdout."""
    target = tmp_path / "a.csv"
    found = piped(f"$costlab show {saved} --format text --format csv:{target} | true")
    assert found.stderr == ""
    assert target.read_text(encoding="utf-8").endswith("total\n")


def test_an_error_keeps_its_code_in_a_pipe(saved: str) -> None:
    """A reader that goes away does not turn a failure into a success."""
    found = piped(f"$costlab show {saved} --format text --format csv:/no/a.csv | true")
    assert found.returncode == 2
    assert "cannot write /no/a.csv" in found.stderr


@pytest.mark.parametrize("arguments", ["reprot", "show /no/a.json", "show /no/a.json --debug"])
def test_an_error_that_nobody_reads_keeps_its_code(arguments: str) -> None:
    """A stderr whose reader went away (`2>&1 | head`) does not turn a 2 into a 1."""
    found = piped(f"(sleep 0.2; $costlab {arguments} 2>&1) | true")
    assert (found.returncode, found.stdout, found.stderr) == (2, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_full_disk_for_errors() -> None:
    """Nor does a stderr that takes no more."""
    assert piped("$costlab reprot 2>/dev/full").returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
@pytest.mark.parametrize("arguments", ["list", "--help"])
def test_a_full_disk(arguments: str) -> None:
    """A stdout that takes no more is an error, told once."""
    found = piped(f"$costlab {arguments} > /dev/full")
    assert found.returncode == 2
    assert found.stderr == "error: cannot write to stdout: No space left on device\n"


def test_closed_streams(saved: str, tmp_path: Path) -> None:
    """Without a stdout there is nothing to say, but a file can be written."""
    assert "stdout is closed" in piped("$costlab list >&-").stderr
    target = tmp_path / "a.json"
    assert piped(f"$costlab show {saved} --format json:{target} >&-").returncode == 0
    assert target.exists()
    assert piped("$costlab reprot 2>&-").returncode == 2


def test_ascii(saved: str) -> None:
    """A stdout that has only ASCII gets a table in it, with each number whole."""
    found = run("show", saved, "--units", "exact", PYTHONIOENCODING="ascii")
    assert found.returncode == 0
    assert found.stdout.isascii()
    assert "768x17x17" in found.stdout
    assert "5,713,216,096" in found.stdout
    assert "\\u" not in found.stdout


@pytest.mark.parametrize("form", ["json", "csv", "markdown", "html"])
def test_ascii_in_every_format(saved: str, tmp_path: Path, form: str) -> None:
    """What ASCII lacks is written as the format's own escape."""
    document = json.loads(Path(saved).read_text(encoding="utf-8"))
    document["model"] = "naïve 网 😀"
    odd = tmp_path / "a.json"
    odd.write_text(json.dumps(document), encoding="utf-8")
    found = run("show", str(odd), "--format", form, PYTHONIOENCODING="ascii")
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.isascii()
    if form == "json":
        assert json.loads(found.stdout) == document
    if form in {"markdown", "html"}:
        assert "na&#239;ve &#32593; &#128512;" in found.stdout


def test_a_pipe_keeps_every_digit(saved: str) -> None:
    """In a pipe nothing is cut to 80 columns; COLUMNS folds names, and no number."""
    wide = run("show", saved, "--units", "exact", "--depth", "3")
    assert max(map(len, wide.stdout.splitlines())) > 80
    narrow = run("show", saved, "--units", "exact", "--depth", "3", COLUMNS="60")
    assert "5,713,216,096" in narrow.stdout


def test_no_color(saved: str) -> None:
    """NO_COLOR holds against FORCE_COLOR, and FORCE_COLOR=0 is no colour."""
    assert "\x1b[" in run("show", saved, FORCE_COLOR="1").stdout
    assert "\x1b[" not in run("show", saved, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b[" not in run("show", saved, FORCE_COLOR="0").stdout


def test_a_user_s_model_in_a_pipe(tmp_path: Path) -> None:
    """What a model prints does not get into the JSON that the next program reads."""
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\nprint('import')\n\n\nclass Net(nn.Module):\n"
        "    def forward(self, x):\n        print('forward')\n        return x + 1\n",
        encoding="utf-8",
    )
    found = run("report", f"{tmp_path}/net.py:Net", "-i", IMAGE, "--format", "json")
    assert json.loads(found.stdout)["total"]["flops"] == 3 * 8 * 8
    assert found.stderr.split() == ["import", "forward"]
