"""Whole networks that are no CNN: what rules say that counters print, against the counters."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from costlab.conventions.asking import asked
from costlab.conventions.deriving import explain
from costlab.conventions.tools import TOOLS
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS, WIDTH, HEADS, HIDDEN = 11, 8, 2, 16
BATCH, LENGTH = 2, 7


@pytest.fixture(scope="module", autouse=True)
def _torchvision() -> None:
    """Of the counters ptflops imports torchvision, which may need its operators declared first."""
    torchvision()


class Language(nn.Module):
    """Tokens through two layers of an LSTM, to the next token."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(WORDS, WIDTH)
        self.lstm = nn.LSTM(WIDTH, 6, num_layers=2, batch_first=True)
        self.norm = nn.LayerNorm(6)
        self.head = nn.Linear(6, WORDS)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """The scores of each next token."""
        states, _ = self.lstm(self.embed(tokens))
        scores: torch.Tensor = self.head(self.norm(states))
        return scores


class Tagger(nn.Module):
    """A convolution over time, a GRU in both directions, the mean over time, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 3, padding=1)
        self.gru = nn.GRU(6, 5, bidirectional=True, batch_first=True)
        self.head = nn.Linear(10, 3)

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        """The scores of a signal."""
        states, _ = self.gru(self.conv(signal).transpose(1, 2))
        scores: torch.Tensor = self.head(states.mean(1))
        return scores


class Block(nn.Module):
    """A block of a transformer that normalizes first, with one projection for all three."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.project, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.act, self.down = nn.Linear(WIDTH, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What attention and the layers behind it make of a sequence."""
        batch, length, width = x.shape
        three = self.project(self.norm(x)).reshape(batch, length, 3, HEADS, width // HEADS)
        query, key, value = three.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(query, key, value)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, length, width))
        made: torch.Tensor = x + self.down(self.act(self.up(self.second(x))))
        return made


def transformer() -> nn.Module:
    """Tokens through two blocks, to the next token."""
    layers = OrderedDict(
        embed=nn.Embedding(WORDS, WIDTH),
        first=Block(),
        second=Block(),
        head=nn.Linear(WIDTH, WORDS),
    )
    return nn.Sequential(layers)


def encoder() -> nn.Module:
    """The encoder of torch itself, of two layers, and a head."""
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, batch_first=True)
    return nn.Sequential(
        OrderedDict(encoder=nn.TransformerEncoder(layer, 2), head=nn.Linear(WIDTH, 3))
    )


TOKENS = f"i64[{BATCH},{LENGTH}]"
NETWORKS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "an LSTM language model": (Language, TOKENS),
    "a GRU tagger": (Tagger, f"f32[{BATCH},4,9]"),
    "a transformer": (transformer, TOKENS),
    "torch's encoder": (encoder, f"f32[{BATCH},{LENGTH},{WIDTH}]"),
}
BEYOND = {
    # A jit trace multiplies sizes, too, where it is asked for one: a product of scalars each.
    ("torch's encoder", "torchprofile"): 2 * 4,
}
"""What a counter prints more than its rules say: a graph does not tell, and it is marked so."""


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("network", NETWORKS)
def test_counters_print_of_sequences_what_their_rules_say(network: str, mode: str) -> None:
    """To the integer, and with terms that lead there from costlab's own number."""
    build, spec = NETWORKS[network]
    model = build()
    found = explain(model, (spec,), TOOLS.values(), mode=mode, name=network)
    ran = asked(found, model, (spec,))
    for counter in ran.counters:
        assert counter.run is not None
        assert counter.run.error == ""
        assert counter.run.printed is not None
        beyond = BEYOND.get((network, counter.name), 0)
        assert (counter.name, counter.run.printed) == (counter.name, counter.printed + beyond)
        assert not (beyond and counter.exact)
        assert found.macs + sum(amount for _, amount in counter.terms) == counter.macs


def test_networks_of_sequences_tell_the_counters_apart() -> None:
    """On each network some counter prints another number, so that there is something to explain."""
    for network, (build, spec) in NETWORKS.items():
        found = explain(build(), (spec,), TOOLS.values(), mode="eval", name=network)
        assert len({counter.macs for counter in found.counters}) > 3


def test_a_counter_runs_in_a_process_that_has_no_torchvision_yet() -> None:
    """Of ptflops, which imports torchvision, and so makes it import whatever the model is."""
    words = ["explain", "torch.nn:Linear(4, 2)", "-i", "f32[1,4]", "--counter", "ptflops", "--run"]
    done = subprocess.run(
        [sys.executable, "-m", "costlab", *words, "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    (counter,) = json.loads(done.stdout)["counters"]
    assert counter["run"]["error"] == ""
    assert counter["run"]["printed"] == 4 * 2 + 2
