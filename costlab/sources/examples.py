"""Inputs that the user's own code says: an attribute of the model, or a function.

Does not know what a model does with them.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from costlab.errors import CostlabError, SourceError, UsageError
from costlab.sources.factories import called
from costlab.sources.importing import told
from costlab.sources.text import split
from costlab.tracing.inputs import as_call, as_specs

if TYPE_CHECKING:
    import torch

ATTRIBUTE = "example_input_array"
"""The attribute by which modules of Lightning say what their forward takes."""


def example_of(model: torch.nn.Module) -> tuple[str, ...] | None:
    """The specs of what a model has as its example; None if it has none that specs can say.

    Raises:
        SourceError: the model computes its example, and fails.
    """
    try:
        with redirect_stdout(sys.stderr):
            example = getattr(model, ATTRIBUTE, None)
    except Exception as error:
        message = (
            f"{type(model).__name__}.{ATTRIBUTE} fails{told(error)}; give the inputs, or fix it"
        )
        raise SourceError(message) from error
    return None if example is None else as_specs(*as_call(example)) or None


def inputs_from(text: str) -> Any:
    """What a function of the user's returns: `inputs.py:make` or `package.module:make(batch=8)`.

    A tensor, or one of the specs, is the one input; a tuple or a list are the positional ones, a
    mapping those by name.

    Raises:
        UsageError: the text names no function, or what it returns is no input.
        SourceError: it fails.
    """
    words = split(text.strip())
    if ":" not in words.place:
        message = f"{text!r} names no function; write inputs.py:make or package.module:make"
        raise UsageError(message)
    found = called(words, words.place)
    if found is None:
        message = f"{words.place} returned nothing; return a tensor, a tuple of such, or a dict"
        raise UsageError(message)
    try:
        args, kwargs = as_call(found)
    except CostlabError as error:
        message = f"what {words.place} returned cannot be used: {error}"
        raise UsageError(message) from error
    if not args and not kwargs:
        message = f"{words.place} returned an empty {type(found).__name__}"
        raise UsageError(message)
    return found
