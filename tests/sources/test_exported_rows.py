"""Operations of exported programs that cut a tensor: as many pieces as the program has, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from costlab.errors import CostlabError
from costlab.sources.exported_ops import PIECES
from tests.sources.programs import altered, reported, resized, saved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize(
    ("cut", "told"),
    [
        (lambda x: x.unbind(0), "unbind.int makes 100000000 tensors there, and not 5"),
        (lambda x: x.split(1), "split.Tensor makes 100000000 tensors there, and not 5"),
        (lambda x: x.split(2), "split.Tensor makes 50000000 tensors there, and not 3"),
        (lambda x: x.chunk(5), ""),
        (lambda x: x.tensor_split(5), ""),
        (lambda x: x.split([2, 3]), "split_with_sizes"),
    ],
)
def test_rows_are_not_each_made(tmp_path: Path, cut: Callable[..., Any], told: str) -> None:
    """A file that says more rows than it has results for is refused before any of them is made."""

    class Cuts(nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            """The pieces, each another tensor."""
            return tuple(piece + 1 for piece in cut(x))

    path = tmp_path / "net.pt2"
    saved(path, Cuts(), (torch.zeros(5, 4),))
    assert reported(path).total.flops == 5 * 4
    resized(path, 10**8, 4)
    if told:
        with pytest.raises(CostlabError, match=told):
            reported(path)
    else:
        assert reported(path).total.flops == 4 * 10**8


def test_sections_are_not_each_made(tmp_path: Path) -> None:
    """A file that says as many sections as it likes has no more results than it lists."""

    class Cuts(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """The second of five."""
            return x.tensor_split(5)[1]

    def more(program: dict[str, Any]) -> None:
        for told in program["graph_module"]["graph"]["nodes"][0]["inputs"]:
            if told["name"] == "sections":
                told["arg"] = {"as_int": 10**9}

    path = tmp_path / "net.pt2"
    saved(path, Cuts(), (torch.zeros(5, 4),))
    altered(path, more)
    with pytest.raises(CostlabError, match="makes 1000000000 tensors there, and not 5"):
        reported(path)


@pytest.mark.parametrize(
    ("cut", "sizes", "told"),
    [
        (lambda x: x.split(2, -1), (), "at least a 1-dimensional tensor"),
        (lambda x: x.unbind(1), (4,), "Dimension out of range"),
        (lambda x: (x.sum(1),), (4,), "Dimension out of range"),
    ],
)
def test_too_few_axes_are_told(
    tmp_path: Path, cut: Callable[..., Any], sizes: tuple[int, ...], told: str
) -> None:
    """A file whose input has no axis such as is cut or summed: torch's word for it."""

    class Cuts(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """The first piece."""
            return torch.as_tensor(cut(x)[0]) + 1

    path = tmp_path / "net.pt2"
    saved(path, Cuts(), (torch.zeros(4, 4),))
    resized(path, *sizes)
    with pytest.raises(CostlabError, match=told):
        reported(path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda told: told[0].update(name="input"),
        lambda told: told[1].update(name="dim", arg={"as_string": "x"}),
        lambda told: told[0].update(arg={"as_int": 3}),
    ],
)
def test_a_cut_without_its_arguments_is_damage(
    tmp_path: Path, damage: Callable[[list[Any]], None]
) -> None:
    """Where a file does not tell of what size the pieces are, none is made."""

    class Cuts(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """The first row."""
            return x.unbind(1)[0]

    path = tmp_path / "net.pt2"
    saved(path, Cuts(), (torch.zeros(5, 4),))
    altered(path, lambda told: damage(told["graph_module"]["graph"]["nodes"][0]["inputs"]))
    with pytest.raises(CostlabError, match="not the arguments that torch gives it"):
        reported(path)


@pytest.mark.parametrize("size", range(8))
@pytest.mark.parametrize("number", range(1, 8))
def test_pieces_are_as_many_as_torch_makes(size: int, number: int) -> None:
    """Counted from the size, before any is made."""
    x = torch.zeros(size)
    cuts = {"split_size": x.split, "chunks": x.chunk, "sections": x.tensor_split}
    assert cuts.keys() == PIECES.keys()
    for argument, cut in cuts.items():
        assert PIECES[argument](size, number) == len(cut(number)), argument
