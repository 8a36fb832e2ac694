"""A study of one model: a row for all of it, and a row a block.

Knows no device. It traces the model, to learn which blocks run, and on what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab import sources
from costlab.bench.studies import QUICK, WHOLE
from costlab.bench.study import Pair, Study, Subject
from costlab.blocks import block_tree
from costlab.errors import UsageError
from costlab.inputspec import parse
from costlab.tracing import trace

if TYPE_CHECKING:
    from costlab.blocks import Block

FEWEST = 2
"""A model of fewer blocks that compute is looked into: what it wraps has the blocks."""


def study_of_model(text: str, inputs: tuple[str, ...] = ()) -> Study:
    """A study of a model as `costlab report` names it: all of it, then each of its blocks.

    `inputs` are its inputs' specs; the zoo's networks have one of their own. The axis of batches
    takes the place of the first size.

    Raises:
        UsageError: the model has no inputs or several, or one that is no batch of real numbers.
        SourceError: it could not be built.
        TraceError: its forward stopped.
    """
    source = sources.find(text)
    model = source.build()
    specs = inputs or source.inputs_for(model)
    shape = _sample(source.name, specs)
    root = block_tree(trace(model, specs[0], mode="eval"))
    paths = [block.path for block in _rows(root)]
    pairs = (
        Pair(source.name, Subject(source.name, source.name, shape)),
        *(Pair(path, Subject(path, source.name, shape, block=path)) for path in paths),
    )
    return Study(source.name, f"{source.name}, block by block", pairs, WHOLE, QUICK)


def _sample(name: str, specs: tuple[str, ...]) -> tuple[int, ...]:
    """The shape of one sample of a model's one input."""
    given = [parse(spec) for spec in specs]
    (first, *others) = given
    if others or first.name is not None or first.spec.dtype != "float32":
        raise UsageError(
            f"{name} is run on one input of float32, given by its place, as in f32[1,3,224,224]; "
            f"it was given {', '.join(specs)}"
        )
    if len(first.spec.shape) < FEWEST:
        raise UsageError(f"{specs[0]} has no batch: its first size is that, as in f32[1,3,224,224]")
    return first.spec.shape[1:]


def _rows(root: Block) -> list[Block]:
    """The outermost blocks that read or write anything."""
    found = [block for block in root.children if block.calls and block.cost.bytes]
    if len(found) >= FEWEST or not found:
        return found
    return _rows(found[0]) or found
