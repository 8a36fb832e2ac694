"""What a subject is called with: samples of its shape in a batch, or the inputs that were given.

Knows neither weights nor a device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils import _pytree as pytree

from costlab.errors import UsageError
from costlab.graph import TensorSpec
from costlab.inputspec import format_spec, read
from costlab.tracing.inputs import as_call
from costlab.tracing.tensors import dtype_name, tensors_in

if TYPE_CHECKING:
    from costlab.bench.study import Subject

Example = tuple[tuple[Any, ...], dict[str, Any]]
FEWEST_SIZES = 2
"""Of a tensor that has a batch."""


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


def sample_of(specs: tuple[str, ...]) -> tuple[int, ...]:
    """The shape of one sample, if a model has one input of which batches can be made; else none.

    >>> sample_of(("f32[1,3,224,224]",)), sample_of(("i64[8,128]",)), sample_of(("x=f32[1,9]",))
    ((3, 224, 224), (), ())
    """
    if len(specs) != 1:
        return ()
    given = read(specs[0])
    spec = given.value
    if given.name is not None or not isinstance(spec, TensorSpec) or spec.dtype != "float32":
        return ()
    return spec.shape[1:]


def batch_of(name: str, given: Any) -> int:
    """The batch that inputs say: the first size of the first tensor that has two or more.

    Raises:
        UsageError: there is no such tensor, or one of floating point that is not float32.
    """
    args, kwargs = as_call(given)
    tensors = tensors_in((args, kwargs))
    for tensor in tensors:
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise UsageError(
                f"an input of {name} is of {dtype_name(tensor.dtype)}; give it as float32, as "
                "--precision says what it is measured in"
            )
    sizes = [tensor.shape[0] for tensor in tensors if tensor.dim() >= FEWEST_SIZES]
    if not sizes:
        raise UsageError(
            f"no input of {name} has a batch: the first of two sizes or more, as in "
            "f32[1,3,224,224]"
        )
    return sizes[0]


def read_by(subject: Subject) -> tuple[str, ...]:
    """What a subject with inputs of its own reads, each tensor as a spec; names are its own matter.

    >>> from costlab.bench.study import Subject
    >>> read_by(Subject("", "", (), inputs=("ids=i64[2,5]", "mask=bool[2,5]")))
    ('i64[2,5]', 'bool[2,5]')

    Raises:
        UsageError: the function that is to return it is none.
        SourceError: it fails.
    """
    tensors = tensors_in(as_call(inputs_of(subject, 1)))
    specs = (TensorSpec(tuple(one.shape), dtype_name(one.dtype)) for one in tensors)
    return tuple(map(format_spec, specs))


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
