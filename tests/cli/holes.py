"""One convolution and its budgets, for the holes that gates of other tools have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Costlab

NET = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, width=100):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 1)

    def forward(self, x):
        return self.stem(x)
"""
HEAD = """\
[models.net]
model = "net.py:Net"
inputs = ["f32[1,3,4,4]"]
"""
MACS = 100 * 3 * 4 * 4
"""Multiply-adds of a 1×1 convolution from 3 to 100 channels on 4×4."""


def budget(limits: str, name: str = "b") -> str:
    """A budget's table."""
    return f'[[budgets]]\nid = "{name}"\n{limits}\n'


def width(folder: Path, channels: int) -> None:
    """Gives the model another number of channels."""
    text = (folder / "net.py").read_text(encoding="utf-8")
    text = re.sub(r"width=\d+", f"width={channels}", text)
    (folder / "net.py").write_text(text, encoding="utf-8")


def based(costlab: Costlab, folder: Path, channels: int, budgets: str) -> None:
    """Writes the baseline of the model with so many channels."""
    width(folder, channels)
    text = f'baseline = "file:base"\n{HEAD}{budgets}'
    (folder / "costlab.toml").write_text(text, encoding="utf-8")
    assert costlab("baseline", "update").code == 0
