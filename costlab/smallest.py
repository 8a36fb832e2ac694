"""Which images a network takes: the smallest square one, found by tracing.

Does not know why another is refused; the forward that stopped has said so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.errors import TraceError
from costlab.graph import TensorSpec
from costlab.inputspec import InputSpec, format_spec, parse, read
from costlab.tracing import trace

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

IMAGE_AXES = 4


def advice(
    model: torch.nn.Module, given: Sequence[str], made_for: str, *, mode: str, name: str
) -> str:
    """What would be right, after a forward of a network of the zoo stopped on its inputs.

    `given` are the specs that it stopped on, `made_for` is that of the network's own input. Of an
    image it says which is the smallest square one that the network takes; of what no image of that
    kind could mend, what the network is made for. It says nothing where that is what was given.
    """
    own = parse(made_for)
    specs = [InputSpec(argument, value) for argument, value in map(read, given)
             if isinstance(value, TensorSpec)]  # fmt: skip
    home = f"{name} is made for {made_for}"
    if not len(given) == len(specs) == 1 or len(specs[0].spec.shape) != IMAGE_AXES:
        return home
    (image,) = specs
    side = own.spec.shape[-1]
    if not _takes(model, image, side, mode):
        return "" if _square(image, side).spec == own.spec else home
    smallest = smallest_side(model, image, mode=mode, known=side)
    found = f"the smallest square image that {name} takes in {mode} mode is {smallest}×{smallest}"
    return found if min(image.spec.shape[2:]) < smallest else f"{found}; it is made for {made_for}"


def smallest_side(model: torch.nn.Module, image: InputSpec, *, mode: str, known: int) -> int:
    """The side of the smallest square image that a forward takes; it is known to take `known`.

    The image is alone in its batch, and otherwise like `image`. Each side from 1 on is tried,
    because there need not be one bound: BN-Inception in Caffe's graph takes 31×31 to 38×38, then
    nothing until 63×63, and halving an interval would end at whichever bound it happens to meet.
    """
    return next((side for side in range(1, known) if _takes(model, image, side, mode)), known)


def _takes(model: torch.nn.Module, image: InputSpec, side: int, mode: str) -> bool:
    """Whether a forward on one square image of this side comes to its end."""
    squared = _square(image, side)
    text = f"{f'{squared.name}=' if squared.name else ''}{format_spec(squared.spec)}"
    try:
        trace(model, text, mode=mode)
    except TraceError:
        return False
    return True


def _square(image: InputSpec, side: int) -> InputSpec:
    """One image of the same kind with this side.

    >>> _square(parse("x=f32[8,3,60,80]"), 75)
    InputSpec(name='x', spec=TensorSpec(shape=(1, 3, 75, 75), dtype='float32'))
    """
    shape = (1, image.spec.shape[1], side, side)
    return InputSpec(image.name, TensorSpec(shape, image.spec.dtype))
