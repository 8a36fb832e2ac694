"""Programs that tests export, save and read: what all tests of exported programs share."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from costlab import analyze, sources
from costlab.zoo import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from costlab.report import Report

GRAPH = "models/model.json"
"""The end of the name of the file that describes a program."""


class Net(nn.Module):
    """Convolutions in a block, no gradients for one of them, a tied weight, a named argument."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.block = nn.Sequential()
        self.block.add_module("norm", nn.BatchNorm2d(8))
        self.block.add_module("relu", nn.ReLU())
        self.one = nn.Linear(8, 8, bias=False)
        self.two = nn.Linear(8, 8, bias=False)
        self.two.weight = self.one.weight
        self.never = nn.Linear(5, 5)

    def forward(self, x: torch.Tensor, *, scale: dict[str, torch.Tensor]) -> tuple[Any, ...]:
        """Two results."""
        with torch.no_grad():
            y = self.stem(x)
        pooled = self.block(y).mean((2, 3))
        first, second = (self.two(self.one(pooled)) * scale["by"]).chunk(2, dim=1)
        return first + torch.tensor([1.0, 2.0, 3.0, 4.0]), {"second": second}


class Tokens(nn.Module):
    """Reads whole numbers, and calls one module twice."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """What the layer makes of it."""
        return torch.as_tensor(self.layer(self.layer(self.embedding(tokens))))


EXAMPLES: dict[str, tuple[Callable[[], nn.Module], tuple[Any, ...], dict[str, Any]]] = {
    "net": (Net, (torch.zeros(2, 3, 8, 8),), {"scale": {"by": torch.ones(2, 1)}}),
    "tokens": (Tokens, (torch.zeros(2, 7, dtype=torch.long),), {}),
    "resnet18": (
        lambda: find("resnet18").build(), (torch.zeros(1, 3, 64, 64),), {},
    ),
    "lstm": (lambda: nn.LSTM(6, 5, 2), (torch.zeros(4, 1, 6),), {}),
}  # fmt: skip


def saved(
    path: Path, model: nn.Module, args: Any, kwargs: Any = None, **options: Any
) -> torch.export.ExportedProgram:
    """A model's program, saved as torch saves it."""
    program = torch.export.export(model, args, kwargs, **options)
    torch.export.save(program, path)
    return program


def reported(path: Path | str, *inputs: str) -> Report:
    """The report on a program, at its own inputs if none are given."""
    source = sources.find(str(path))
    model = source.build()
    return analyze(model, inputs or source.inputs_for(model), mode="eval")


def resized(path: Path, *sizes: int) -> None:
    """The archive with another size of its inputs in its description, and no word more of it."""

    def change(program: dict[str, Any]) -> None:
        module = program["graph_module"]
        for told in module["signature"]["input_specs"]:
            if "user_input" in told:
                name = told["user_input"]["arg"]["as_tensor"]["name"]
                tensor = module["graph"]["tensor_values"][name]
                tensor.update(sizes=[{"as_int": size} for size in sizes])

    altered(path, change)


def altered(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """The archive with its description changed."""
    with zipfile.ZipFile(path) as old:
        files = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, data in files.items():
            if name.endswith(GRAPH):
                program = json.loads(data)
                change(program)
                new.writestr(name, json.dumps(program))
            else:
                new.writestr(name, data)
