"""A study of one model: a row for all of it, and a row a block.

Knows no device. It traces the model, to learn which blocks run, and on what.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from costlab import sources
from costlab.bench.example import inputs_of
from costlab.bench.studies import QUICK, WHOLE
from costlab.bench.study import Pair, Study, Subject
from costlab.blocks import block_tree
from costlab.errors import UsageError
from costlab.graph import TensorSpec
from costlab.inputspec import read
from costlab.tracing import trace
from costlab.tracing.inputs import as_call
from costlab.tracing.tensors import dtype_name, tensors_in

if TYPE_CHECKING:
    from costlab.blocks import Block

FEWEST_SIZES = 2
FEWEST = 2
"""A model of fewer blocks that compute is looked into: what it wraps has the blocks."""


def study_of_model(text: str, inputs: tuple[str, ...] = (), inputs_from: str = "") -> Study:
    """A study of a model as `costlab report` names it: all of it, then each of its blocks.

    `inputs` are its inputs' specs, or `inputs_from` the text of a function that returns them; the
    zoo's networks have one of their own. The axis of batches takes the place of the first size of a
    single input of float32; other inputs go in as they are, and say their own batch.

    Raises:
        UsageError: the model has no inputs, or such as it cannot be timed on.
        SourceError: it could not be built, or the function fails.
        TraceError: its forward stopped.
    """
    source = sources.find(text)
    model = source.build()
    whole = Subject(source.name, source.name, (), inputs_from=inputs_from)
    if not inputs_from:
        whole = replace(whole, inputs=inputs or source.inputs_for(model))
    given = inputs_of(whole, 1)
    batch = _batch(source.name, given)
    full, quick = (replace(axes, batches=(batch,)) for axes in (WHOLE, QUICK))
    shape = _sample(whole.inputs)
    if shape:
        whole, full, quick = replace(whole, shape=shape, inputs=()), WHOLE, QUICK
    root = block_tree(trace(model, given, mode="eval"))
    pairs = (
        Pair(source.name, whole),
        *(
            Pair(block.path, replace(whole, name=block.path, block=block.path))
            for block in _rows(root)
        ),
    )
    title = f"{source.name}, block by block"
    return Study(source.name, title, pairs, full, quick)


def _sample(specs: tuple[str, ...]) -> tuple[int, ...]:
    """The shape of one sample, if a model has one input of which batches can be made; else none."""
    if len(specs) != 1:
        return ()
    given = read(specs[0])
    spec = given.value
    if given.name is not None or not isinstance(spec, TensorSpec) or spec.dtype != "float32":
        return ()
    return spec.shape[1:]


def _batch(name: str, given: Any) -> int:
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


def _rows(root: Block) -> list[Block]:
    """The outermost blocks that read or write anything."""
    found = [block for block in root.children if block.calls and block.cost.bytes]
    if len(found) >= FEWEST or not found:
        return found
    return _rows(found[0]) or found
