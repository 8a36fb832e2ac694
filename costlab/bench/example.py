"""What a subject is called with: samples of its shape in a batch, or the inputs that were given.

Knows neither weights nor a device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils import _pytree as pytree

from costlab.graph import TensorSpec
from costlab.inputspec import format_spec
from costlab.tracing.inputs import as_call

if TYPE_CHECKING:
    from costlab.bench.study import Subject

Example = tuple[tuple[Any, ...], dict[str, Any]]


def inputs_of(subject: Subject, batch: int) -> Any:
    """What a subject's forward is traced on, as `costlab.analyze` takes it.

    Raises:
        UsageError: the function that is to return it is none.
        SourceError: it fails.
    """
    if subject.inputs_from:
        from costlab.sources.examples import inputs_from

        return inputs_from(subject.inputs_from)
    return subject.inputs or format_spec(TensorSpec((batch, *subject.shape), "float32"))


def example_of(subject: Subject, batch: int) -> Example:
    """The arguments of a subject's forward: floating-point tensors on meta, all others with values.

    Those are what a function returned; of what only a spec says, whole numbers are 0, which every
    table has, and truths are true, so that no mask hides anything.
    """
    args, kwargs = as_call(inputs_of(subject, batch), of=_kept)
    filled: Example = pytree.tree_map(_valued, (args, kwargs))
    return filled


def on_meta(tree: Any) -> Any:
    """The same arguments with every floating-point tensor on meta."""
    return pytree.tree_map(lambda leaf: _kept(leaf) if _is_tensor(leaf) else leaf, tree)


def _is_tensor(leaf: object) -> bool:
    return isinstance(leaf, torch.Tensor)


def _kept(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.detach().to("meta") if tensor.is_floating_point() else tensor


def _valued(leaf: Any) -> Any:
    if not _is_tensor(leaf) or not leaf.is_meta or leaf.is_floating_point():
        return leaf
    make = torch.ones if leaf.dtype == torch.bool else torch.zeros
    return make(leaf.shape, dtype=leaf.dtype)
