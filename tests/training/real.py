"""What torch itself does in a step of training: products counted, and tensors kept.

The oracles of these tests; does not know costlab's counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import torch
from torch.utils.flop_counter import FlopCounterMode

from costlab.tracing import trace
from costlab.training import Training, training_of

if TYPE_CHECKING:
    from collections.abc import Callable


def traced(model: torch.nn.Module, *inputs: Any) -> Training:
    """What costlab says of a step."""
    return training_of(trace(model, inputs, mode="train"))


def traced_for_real(model: torch.nn.Module, *inputs: Any) -> Training:
    """What costlab says of a step whose forward it runs on real tensors."""
    return training_of(trace(model, inputs, mode="train", on="real"))


def tensors_in(value: Any) -> list[torch.Tensor]:
    """The tensors in tuples, lists and dicts."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return []
    return [tensor for item in value for tensor in tensors_in(item)]


def step(run: Callable[[], Any]) -> None:
    """A forward, and a backward from each result that has a gradient."""
    made = [made for made in tensors_in(run()) if made.requires_grad]
    torch.autograd.backward(made, [torch.ones_like(each) for each in made])


def counted_macs(model: torch.nn.Module, *inputs: Any) -> int:
    """The multiply-adds of a real forward and backward, by FlopCounterMode."""
    model.train()
    with FlopCounterMode(display=False) as counter:
        step(lambda: model(*inputs))
    flops: int = counter.get_total_flops()
    assert flops % 2 == 0
    return flops // 2


class Packed:
    """A tensor that autograd keeps, for as long as it does."""

    def __init__(self, tensor: torch.Tensor) -> None:
        """Of one tensor."""
        self.tensor = tensor.detach()  # a result would hold what made it, and that this


def kept_bytes(model: torch.nn.Module, *inputs: Any) -> int:
    """The bytes of memory that autograd keeps after a real forward, weights and buffers not."""
    own = {memory(tensor) for tensor in (*model.parameters(), *model.buffers())}
    alive: WeakSet[Packed] = WeakSet()

    def pack(tensor: torch.Tensor) -> Packed:
        packed = Packed(tensor)
        alive.add(packed)
        return packed

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda packed: packed.tensor):
        made = model(*inputs)
    kept = {memory(packed.tensor) for packed in alive} - own
    del made
    return sum(size for _, size in kept)


def memory(tensor: torch.Tensor) -> tuple[int, int]:
    """What tells the memory of a tensor from all other."""
    return tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
