"""The trap of kernels: what a device, a mode or a fast path picks must not change a number."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from tests.tracing.networks import macs

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

WIDTH, HEADS, HIDDEN, BATCH, TOKENS, MEMORY = 16, 4, 32, 2, 5, 7

SELF = BATCH * (4 * TOKENS * WIDTH * WIDTH + 2 * TOKENS * TOKENS * WIDTH)
CROSS = BATCH * (2 * TOKENS * WIDTH * WIDTH + 2 * MEMORY * WIDTH * WIDTH)
CROSS += BATCH * 2 * TOKENS * MEMORY * WIDTH
FEED = BATCH * 2 * TOKENS * WIDTH * HIDDEN
ENCODER = SELF + FEED
DECODER = SELF + CROSS + FEED
LONG = BATCH * (
    4 * MEMORY * WIDTH * WIDTH + 2 * MEMORY * MEMORY * WIDTH + 2 * MEMORY * WIDTH * HIDDEN
)


def encoder_layer() -> nn.Module:
    """One layer of an encoder."""
    return nn.TransformerEncoderLayer(WIDTH, HEADS, HIDDEN, batch_first=True)


def encoder() -> nn.Module:
    """Two of them."""
    return nn.TransformerEncoder(encoder_layer(), 2)  # type: ignore[arg-type]  # it is such a layer


def decoder() -> nn.Module:
    """Two layers of a decoder."""
    return nn.TransformerDecoder(
        nn.TransformerDecoderLayer(WIDTH, HEADS, HIDDEN, batch_first=True), 2
    )


def transformer() -> nn.Module:
    """Two layers of an encoder and two of a decoder."""
    return nn.Transformer(WIDTH, HEADS, 2, 2, HIDDEN, batch_first=True)


def attention() -> nn.Module:
    """Multi-head attention."""
    return nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)


def convolutions() -> nn.Module:
    """A convolution with what stands behind it."""
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())


X, Y = (BATCH, TOKENS, WIDTH), (BATCH, MEMORY, WIDTH)
NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...], int]] = {
    "multi-head attention": (attention, (X, X, X), SELF),
    "encoder layer": (encoder_layer, (X,), ENCODER),
    "encoder": (encoder, (X,), 2 * ENCODER),
    "decoder": (decoder, (X, Y), 2 * DECODER),
    "transformer": (transformer, (Y, X), 2 * LONG + 2 * DECODER),
    "LSTM": (
        lambda: nn.LSTM(8, 16, 2, batch_first=True),
        ((BATCH, TOKENS, 8),),
        BATCH * TOKENS * 4 * 16 * (8 + 16 + 16 + 16),
    ),
    "GRU": (lambda: nn.GRU(8, 16), ((TOKENS, BATCH, 8),), BATCH * TOKENS * 3 * 16 * (8 + 16)),
    "convolutions": (convolutions, ((2, 3, 9, 9),), 2 * 8 * 7 * 7 * 3 * 9),
}


def built(name: str, device: str = "cpu") -> tuple[nn.Module, tuple[torch.Tensor, ...], int]:
    """A network, its inputs and its multiply-adds."""
    build, shapes, truth = NETWORKS[name]
    with torch.device(device), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns where it will not take its fast path
        return build(), tuple(torch.empty(shape) for shape in shapes), truth


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("grad", ["grad", "no grad", "inference"])
def test_neither_device_nor_mode_nor_gradients_change_a_number(
    name: str, device: str, mode: str, grad: str
) -> None:
    """On the CPU and on meta, in both modes, with gradients and without, a count is the same."""
    network, inputs, truth = built(name, device)
    how: dict[str, Callable[[], AbstractContextManager[Any]]] = {
        "grad": torch.enable_grad, "no grad": torch.no_grad, "inference": torch.inference_mode,
    }  # fmt: skip
    with how[grad]():
        assert macs(network, inputs, mode=mode) == truth


@pytest.mark.parametrize("name", ["multi-head attention", "encoder layer", "encoder"])
@pytest.mark.parametrize("enabled", [False, True])
@pytest.mark.parametrize("frozen", [False, True])
def test_the_fast_path_changes_no_number(name: str, enabled: bool, frozen: bool) -> None:
    """Whether or not torch may fuse attention, and whether or not weights need gradients."""
    network, inputs, truth = built(name)
    network.requires_grad_(not frozen)
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(enabled)
    try:
        assert macs(network, inputs, mode="eval") == truth
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def test_torch_would_take_the_fast_path() -> None:
    """The test above has something to find: torch runs one fused kernel for the same call."""
    from torch.utils.flop_counter import FlopCounterMode

    layer, inputs, truth = built("encoder layer")
    layer.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        layer(*inputs)
    assert counter.get_total_flops() // 2 != truth


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_weights_that_are_asked_for_change_no_number(need_weights: bool, mode: str) -> None:
    """With `need_weights` attention is written out, product by product; it costs the same."""
    network, (x, *_), truth = built("multi-head attention")
    inputs = {"query": x, "key": x, "value": x, "need_weights": need_weights}
    assert macs(network, inputs, mode=mode) == truth


@pytest.mark.parametrize("masked", ["padding", "attention", "both"])
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_masks_change_no_number(masked: str, mode: str) -> None:
    """An encoder with masks, which torch may run on nested tensors, costs what it does without."""
    network, (x,), truth = built("encoder")
    padding = torch.zeros(BATCH, TOKENS, dtype=torch.bool)
    inputs: dict[str, Any] = {"src": x}
    if masked != "attention":
        inputs["src_key_padding_mask"] = padding
    if masked != "padding":
        inputs["mask"] = torch.zeros(TOKENS, TOKENS, dtype=torch.bool)
    assert macs(network, inputs, mode=mode) == 2 * ENCODER == truth


@pytest.mark.parametrize("backend", [None, SDPBackend.MATH, SDPBackend.FLASH_ATTENTION])
def test_the_backend_of_attention_changes_no_number(backend: SDPBackend | None) -> None:
    """Which kernel carries attention out is not asked."""
    network, inputs, truth = built("transformer")
    with nullcontext() if backend is None else sdpa_kernel(backend):
        assert macs(network, inputs) == truth


@pytest.mark.parametrize("enabled", [False, True])
def test_the_library_of_convolutions_and_recurrences_changes_no_number(enabled: bool) -> None:
    """With oneDNN and without, layers that it has kernels for cost the same."""
    with torch.backends.mkldnn.flags(enabled=enabled, allow_tf32=None):
        for name in ("LSTM", "GRU", "convolutions"):
            network, inputs, truth = built(name)
            assert macs(network, inputs, mode="eval") == truth


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("batch", [1, 16])
def test_the_batch_counts_however_it_is_given(named: bool, batch: int) -> None:
    """A batch of 16 costs 16 times one, by position and by keyword, in functions and in layers."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> Any:
            return self.layer(x) @ self.layer.weight

    x = torch.empty(batch, 8)
    assert macs(Net(), {"x": x} if named else x) == batch * (8 * 8 + 8 * 8)
