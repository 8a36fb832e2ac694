"""What torch does inside some compiled functions, in calls that a function mode sees.

Such are the operations that are given functions (`cond`, `map`, `scan`, …), and those whose
shapes depend on values that a forward may well know: the lengths of packed sequences. Does not
know what the calls cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_map

from costlab.errors import TraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Branch = Callable[..., Any]


def cond(
    pred: torch.Tensor | bool, true_fn: Branch, false_fn: Branch, operands: Sequence[Any] = ()
) -> Any:
    """The branch that is taken.

    Raises:
        TraceError: the predicate has no value.
    """
    try:
        taken = bool(pred)
    except TraceError as error:
        message = f"which branch of torch.cond runs depends on values: {error}"
        raise TraceError(message) from error
    return true_fn(*operands) if taken else false_fn(*operands)


def while_loop(
    cond_fn: Branch, body_fn: Branch, carried: Sequence[Any], additional: Sequence[Any] = ()
) -> tuple[Any, ...]:
    """What is carried when the condition no longer holds.

    Raises:
        TraceError: the condition has no value.
    """
    now = tuple(carried)
    while True:
        try:
            again = bool(cond_fn(*now, *additional))
        except TraceError as error:
            message = f"how often while_loop runs depends on values: {error}"
            raise TraceError(message) from error
        if not again:
            return now
        now = tuple(body_fn(*now, *additional))


def scan(
    combine_fn: Branch,
    init: Sequence[torch.Tensor],
    xs: Sequence[torch.Tensor],
    additional_inputs: Sequence[Any] = (),
) -> list[torch.Tensor]:
    """The last of what is carried along the first axis, and what each step gave, stacked."""
    now = list(init)
    given: list[list[torch.Tensor]] = []
    for step in zip(*[x.unbind(0) for x in xs], strict=True):
        made = list(combine_fn(*now, *step, *additional_inputs))
        now = made[: len(init)]
        given.append(made[len(init) :])
    return now + [torch.stack(column) for column in zip(*given, strict=True)]


def map_impl(f: Branch, xs: Sequence[torch.Tensor], pos_args: Sequence[Any] = ()) -> Any:
    """What a function gives for each part of tensors along the first axis, stacked."""
    given = [f(*step, *pos_args) for step in zip(*[x.unbind(0) for x in xs], strict=True)]
    return tree_map(_stacked, *given)


def _stacked(*column: torch.Tensor | None) -> torch.Tensor | None:
    """Tensors as one; None for what has no tensor in any step, as torch has it."""
    tensors = [tensor for tensor in column if tensor is not None]
    return torch.stack(tensors) if tensors else None


def pack(
    input: torch.Tensor, lengths: torch.Tensor, batch_first: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """The elements of sequences step by step, without what pads them; and how many a step has."""
    sizes = lengths.tolist()
    steps = input.transpose(0, 1) if batch_first else input
    if sizes != sorted(sizes, reverse=True) or not sizes or len(sizes) != steps.shape[1]:
        message = f"lengths {sizes} are not those of {steps.shape[1]} sequences, longest first"
        raise RuntimeError(message)
    if not 0 < sizes[-1] <= sizes[0] <= steps.shape[0]:
        message = f"lengths {sizes} are not from 1 to {steps.shape[0]}, the steps of the input"
        raise RuntimeError(message)
    alive = [sum(size > step for size in sizes) for step in range(sizes[0])]
    data = torch.cat([steps[step, :count] for step, count in enumerate(alive)])
    return data, torch.tensor(alive)


def unpack(
    data: torch.Tensor,
    batch_sizes: torch.Tensor,
    batch_first: bool,
    padding_value: float,
    total_length: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Packed sequences padded to one length again, and their lengths."""
    alive = batch_sizes.tolist()
    steps, batch = max(total_length, len(alive)), alive[0]
    missing = [batch - count for count in alive] + [batch] * (steps - len(alive))
    pieces: Sequence[torch.Tensor] = torch.split(data, alive)
    each = [*pieces, *[data[:0]] * (steps - len(alive))]
    rest = data.shape[1:]
    padded: list[torch.Tensor] = []
    for rows, count in zip(each, missing, strict=True):
        padded += [rows, torch.full((count, *rest), padding_value, dtype=data.dtype)]
    made = torch.cat(padded).view(steps, batch, *rest)
    lengths = [sum(count > sample for count in alive) for sample in range(batch)]
    return (made.transpose(0, 1) if batch_first else made), torch.tensor(lengths)


def left_aligned(*_: object) -> bool:
    """No: torch asks whether it may take a fused path, and what that does costs the same."""
    return False


BODIES: dict[str, Callable[..., Any]] = {
    "cond": cond,
    "while_loop": while_loop,
    "scan": scan,
    "map_impl": map_impl,
    "_pack_padded_sequence": pack,
    "_pad_packed_sequence": unpack,
    "_nested_tensor_from_mask_left_aligned": left_aligned,
}
"""By the name of the function."""

WRITTEN = frozenset(BODIES.values())
"""Those that never come back to the function they are of: they may be entered within themselves."""
