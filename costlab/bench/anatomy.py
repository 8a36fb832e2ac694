"""A study of one model: a row for all of it, and a row a block.

Knows no device. It traces the model, to learn which blocks run, and on what.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from costlab import sources
from costlab.bench.example import batch_of, inputs_of, sample_of
from costlab.bench.studies import QUICK, WHOLE
from costlab.bench.study import Pair, Study, Subject
from costlab.blocks import block_tree
from costlab.tracing import trace

if TYPE_CHECKING:
    from costlab.blocks import Block

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
    batch = batch_of(source.name, given)
    full, quick = (replace(axes, batches=(batch,)) for axes in (WHOLE, QUICK))
    shape = sample_of(whole.inputs)
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


def _rows(root: Block) -> list[Block]:
    """The outermost blocks that read or write anything."""
    found = [block for block in root.children if block.calls and block.cost.bytes]
    if len(found) >= FEWEST or not found:
        return found
    return _rows(found[0]) or found
