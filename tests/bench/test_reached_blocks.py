"""Blocks of models whose forward does not run on shapes alone: what goes in, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from costlab.bench.seams import ArmError
from costlab.bench.study import Subject
from costlab.bench.subjects import build

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.c, self.d = (nn.Conv2d(3, 3, 3, padding=1) for _ in range(3))

    def forward(self, x):
        {forward}
"""
BLOCK = Subject("", "net.py:Net", (3, 8, 8), block="c")


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A function that writes a model with this forward where the study looks for it."""
    monkeypatch.chdir(tmp_path)

    def write(forward: str) -> None:
        Path("net.py").write_text(MODEL.format(forward=forward), encoding="utf-8")

    return write


@pytest.mark.parametrize(
    "forward",
    [
        "return self.c(x) + torch.rand(1)",
        "return self.c(torch.cat([self.stem(x), torch.ones(2, 3, 8, 8)], 1)[:, :3])",
        "y = self.c(x); raise RuntimeError('not today')",
    ],
    ids=["a tensor of its own behind it", "one before it", "an error behind it"],
)
def test_a_block_that_is_reached_is_built(net: Callable[[str], None], forward: str) -> None:
    """Tensors that a forward makes on the CPU, and errors behind the block, do not keep it back."""
    net(forward)
    before = torch.random.get_rng_state()
    built = build(BLOCK, "bare", 2, 0)
    assert type(built.module) is torch.nn.Conv2d
    assert [tuple(tensor.shape) for tensor in built.example[0]] == [(2, 3, 8, 8)]
    assert all(tensor.is_meta for tensor in built.example[0])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_block_that_is_not_reached_tells_why(net: Callable[[str], None]) -> None:
    """The error is the forward's own, with its line: nothing of shapes and devices of ours."""
    net("y = self.stem(x); raise RuntimeError('not today')")
    with pytest.raises(ArmError, match=r"^the forward of Net ends before it comes to c: ") as found:
        build(BLOCK, "bare", 2, 0)
    assert "RuntimeError" in str(found.value)
    assert "net.py:11]: not today" in str(found.value)
    assert "meta" not in str(found.value)
    net("return self.stem(x)")
    with pytest.raises(ArmError, match=r"^c of Net is not called in its forward$"):
        build(BLOCK, "bare", 2, 0)
