"""The network of a repository, and its report at a ref."""

from pathlib import Path

from costlab.budgets.refs import parse_ref, resolve
from costlab.budgets.worktrees import worktree
from costlab.report import Report
from tests.cli.repository import git

IMAGE = "f32[1,3,8,8]"
NET = """\
import sys

from torch import nn

from parts.layers import conv

print("chatter of the import")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv(3, 8)
        self.body = conv(8, 8)

    def forward(self, x):
        return self.body(self.stem(x))


def broken():
    raise ValueError("error: not today")


def exits():
    sys.exit(0)
"""
LAYERS = """\
from torch import nn


def conv(channels, filters):
    return nn.Conv2d(channels, filters, 3, padding=1)
"""
PIXELS = 8 * 8


def at(text: str, model: str = "net.py:Net") -> Report:
    """The report of a model at a ref."""
    with worktree(resolve(parse_ref(text))) as tree:
        return tree.report(model, [IMAGE])


def left_behind(repository: Path) -> list[str]:
    """The worktrees besides the checkout itself, and what is uncommitted."""
    trees = git(repository, "worktree", "list", "--porcelain").count("worktree ")
    return ["a worktree"] * (trees - 1) + git(repository, "status", "--porcelain").splitlines()


def gone(folder: Path) -> bool:
    """Whether a worktree and the folder around it are gone."""
    return not folder.exists() and not folder.parent.exists()
