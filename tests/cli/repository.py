"""A git repository with a model and its budgets, made for a test."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NET = """\
from torch import nn


class Block(nn.Module):
    def __init__(self, channels, width):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, width, 1)
        self.expand = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, x):
        return x + self.expand(self.squeeze(x).relu())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.first = Block(16, 8)
        self.second = Block(16, 8)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = self.second(self.first(self.stem(x)))
        return self.head(x.mean((2, 3)))
"""
BUDGETS = """\
baseline = "merge-base:main"

[models.net]
model = "nets.py:Net"
inputs = ["f32[1,3,16,16]"]

[[budgets]]
id = "total"
macs = { max = "1M" }

[[budgets]]
id = "growth"
macs = { max_increase = "0%" }
message = "Ask #perf"

[[budgets]]
id = "blocks"
modules = ["first", "second"]
macs = { max_increase = "2%", and_over = "1k" }
"""
WIDER = ("self.second = Block(16, 8)", "self.second = Block(16, 12)")
"""The change of a branch that widens one block."""


def git(folder: Path, *arguments: str) -> str:
    """What git prints; the test fails if git does."""
    settings = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    command = ["git", *settings, *arguments]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return found.stdout.strip()


def commit(folder: Path, message: str) -> None:
    """Commits all there is."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def repository(folder: Path) -> Path:
    """A repository whose main has the model, on a branch of its own from there."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / ".gitignore").write_text("__pycache__/\n", encoding="utf-8")
    (folder / "nets.py").write_text(NET, encoding="utf-8")
    (folder / "costlab.toml").write_text(BUDGETS, encoding="utf-8")
    commit(folder, "a model and its budgets")
    git(folder, "switch", "--quiet", "--create", "topic")
    return folder


def change(file: Path, *pairs: tuple[str, str]) -> None:
    """Replaces texts in a file, each of which must be there."""
    text = file.read_text(encoding="utf-8")
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def environment(**changed: str) -> dict[str, str]:
    """The variables of this process, without those of a terminal or of a CI service."""
    dropped = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "GITHUB_WORKSPACE", "CI_PROJECT_DIR")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **changed}


def apart(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "costlab", *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
