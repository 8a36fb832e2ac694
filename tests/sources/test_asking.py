"""What is said of a model that needs inputs: its arguments, and a command that works."""

from __future__ import annotations

import shlex
import warnings
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from costlab import analyze
from costlab.sources.asking import asked

if TYPE_CHECKING:
    from collections.abc import Mapping


class Tagger(nn.Module):
    """Reads tokens, a mask and a flag."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(90, 8)
        self.lstm = nn.LSTM(8, 4, batch_first=True)

    def forward(self, ids: torch.Tensor, last: bool, *, cut: int = 3) -> torch.Tensor:
        """The states, or the last of them."""
        found, _ = self.lstm(self.words(ids)[:, cut:])
        return torch.as_tensor(found[:, -1] if last else found)


class Towers(nn.Module):
    """Reads an image, and tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(1, 4, 3)
        self.words = nn.Embedding(90, 4)

    def forward(self, image: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """One number for both."""
        return torch.as_tensor(self.image(image).mean((2, 3)) @ self.words(ids).mean(1).T)


class Held(nn.Module):
    """Reads tensors in a list, a pair and a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 2)

    def forward(
        self,
        many: list[torch.Tensor],
        pair: tuple[torch.Tensor, torch.Tensor],
        table: Mapping[str, torch.Tensor],
    ) -> torch.Tensor:
        """Their sum."""
        return torch.as_tensor(self.fc(many[0] + pair[1] + next(iter(table.values()))))


class Keyed(nn.Module):
    """Reads what it is given by name, by keys, and warns."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(6, 2)

    def forward(self, *, given):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - not annotated is the case
        """The layer on the sum of two."""
        warnings.warn("the model's own", UserWarning, stacklevel=1)
        return self.fc(given["left"] + given["right"])


MODELS: list[tuple[nn.Module, str, str]] = [
    (
        nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 1)),
        "forward(input)",
        "'i64[1,128]'",
    ),
    (Tagger(), "forward(ids: Tensor, last: bool, *, cut: int = 3)", "'i64[1,128]' --input 'False'"),
    (Towers(), "forward(image: Tensor, ids: Tensor)", "'f32[1,1,224,224]' --input 'i64[1,128]'"),
    (
        Held(),
        "forward(many: list[Tensor], pair: tuple[Tensor, Tensor], table: Mapping[str, Tensor])",
        "'[f32[1,6]]' --input '(f32[1,6],f32[1,6])' --input '{x: f32[1,6]}'",
    ),
    (
        nn.Sequential(nn.Conv2d(1, 4, 5), nn.Flatten(), nn.Linear(4 * 24 * 24, 10)),
        "forward(input)",
        "'f32[1,1,28,28]'",
    ),
    (nn.LSTM(7, 3), "forward(input, hx=None)", "'f32[1,16,7]'"),
    (nn.TransformerEncoderLayer(8, 2, 8), "forward(src: Tensor", "'f32[1,16,8]'"),
    (Keyed(), "forward(*, given)", "'given={left: f32[1,6], right: f32[1,6]}'"),
]


@pytest.mark.filterwarnings("ignore:the model's own")  # the analysis of the command warns
@pytest.mark.parametrize(
    ("model", "signature", "inputs"), MODELS, ids=[type(model).__name__ for model, *_ in MODELS]
)
def test_the_command_works(model: nn.Module, signature: str, inputs: str) -> None:
    """The arguments with their annotations, and inputs on which the forward comes to its end."""
    text = asked(model, "net.py:Net(width=2)")
    start = f"net.py:Net(width=2) needs its inputs: {signature}"
    assert text.startswith(start)
    command = text.rpartition("these it takes: ")[2]
    assert command == f"costlab report 'net.py:Net(width=2)' --input {inputs}"
    words = shlex.split(command)[3:]
    specs = [word for word in words if word != "--input"]
    assert analyze(model, specs, mode="eval").total.macs > 0


def test_a_guess_warns_of_nothing() -> None:
    """A warning of a forward that nobody asked for would only be noise."""
    with warnings.catch_warnings(record=True, action="always") as told:
        asked(Keyed(), "keyed")
    assert [str(one.message) for one in told] == []


class Strange(nn.Module):
    """Takes nothing that could be guessed."""

    def forward(self, x: torch.Tensor, *rest: torch.Tensor, **more: torch.Tensor) -> None:
        """Always an error."""
        del rest, more
        raise ValueError(x.shape)


def test_no_guess_fits() -> None:
    """An example is then given as an example, and not said to work."""
    text = asked(Strange(), "strange")
    assert "forward(x: Tensor, *rest: Tensor, **more: Tensor)" in text
    assert "for example (types and shapes are yours to fill in): " in text
    assert text.endswith("costlab report strange --input 'f32[1,3,224,224]'")
    assert "takes:" not in text
