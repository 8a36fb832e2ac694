"""README: its table is real, and what it tells a user to type works."""

import contextlib
import io
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from costlab.claims.lab import Lab
from costlab.cli import main
from docs import generate
from tests.docs.blocks import blocks

README = generate.README.read_text(encoding="utf-8")
PYTHON = blocks(README, "python")
COMMANDS = [
    line
    for block in blocks(README, "sh")
    for line in block.splitlines()
    if line.startswith("costlab ")
]
OWN_PLACE = re.compile(
    r"\bgit:|merge-base:|^costlab (check|baseline|init)\b(?!.*--max)|^costlab diff .*json"
    r"|^costlab bench\b(?!.*--list)|^costlab show bench|\bmodel\.onnx\b"
)
"""Commands that need a repository, files or minutes; their own tests run the like of them."""
EXAMPLES = [command for listed in generate.EXAMPLES.values() for command, _ in listed]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A current folder with README's `net.py` in it."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "net.py").write_text(PYTHON[0], encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        yield folder
    sys.modules.pop("net", None)


def test_the_python_runs(desk: Path) -> None:
    """Each block of Python runs, one after the other, and its assertions hold."""
    assert len(PYTHON) == 3
    names: dict[str, object] = {}
    for code in PYTHON[1:]:
        exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - our own page
    assert (desk / "report.json").exists()


def run(command: str) -> str:
    """What a command of a page prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as end:
        main(shlex.split(command)[1:])
    assert end.value.code == 0, command
    return out.getvalue()


@pytest.mark.usefixtures("desk")
def test_the_commands_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command of README and of help does, in this order, without an error."""
    lab = Lab()  # each command of claims would else trace the same networks anew
    monkeypatch.setattr("costlab.claims.lab.Lab", lambda: lab)
    commands = [command for command in [*COMMANDS, *EXAMPLES] if not OWN_PLACE.search(command)]
    printed = {command: run(command) for command in commands}
    silent = re.compile(r"--format \w+:\S+$")  # the result goes to a file alone
    assert all(text for command, text in printed.items() if not silent.search(command))
    assert len(printed) > 15


def test_the_first_screen() -> None:
    """One sentence, one command, its table: then the rest."""
    title, sentence, command, marker, table, *_ = README.split("\n\n")
    assert title == "# costlab"
    assert sentence.count("\n") == 0
    assert command == "```sh\nmake report\n```"
    assert marker == "<!-- table -->"
    assert table.startswith("```text\n$ costlab report inception_v3\ninception_v3 · eval")
