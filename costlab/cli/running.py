"""Models as commands run them: built, traced, and their failures told.

Knows neither formats nor tables.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from costlab.cli.voice import Voice
from costlab.errors import SourceError, TraceError, UsageError
from costlab.report import Report
from costlab.sources import Source, describe_inputs
from costlab.sources.importing import user_line

if TYPE_CHECKING:
    import torch


class Analyzed(NamedTuple):
    """A report, with the module and the specs of the inputs that it is of."""

    report: Report
    module: torch.nn.Module
    inputs: tuple[str, ...]


@contextmanager
def running(model: str) -> Iterator[None]:
    """Within it, what the user's own code prints is no part of the result, nor may it exit.

    Raises:
        SourceError: the code called `sys.exit`.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except SystemExit as error:
        message = f"{model} exits instead of computing (sys.exit({error.code!r}){user_line(error)})"
        raise SourceError(message) from error


def load_torch(voice: Voice) -> None:
    """Imports torch, often the longest step of all: nobody is to take it for the model's."""
    if voice.verbose:
        with voice.step("import", "torch"):
            import_module("costlab.analysis")


def analyzed(source: Source, specs: tuple[str, ...], mode: str, voice: Voice) -> Analyzed:
    """The report of a source's model on these inputs, or on its own if there are none.

    Raises:
        UsageError: the model has no inputs of its own.
        TraceError: the forward stopped; of a network of the zoo the message says what it takes.
    """
    with voice.step("build", source.name):
        module = source.build()
    chosen = specs or source.inputs
    if chosen is None:
        raise UsageError(describe_inputs(module, source.name))
    from costlab.analysis import analyze

    try:
        with voice.step("trace", f"{', '.join(chosen)} in {mode} mode"):
            found = analyze(module, chosen, mode=mode, name=source.name)
    except TraceError as error:
        if source.inputs is None:
            raise
        from costlab.smallest import advice

        with voice.step("search", f"the images that {source.name} takes"):
            (own,) = source.inputs
            told = advice(module, chosen, own, mode=mode, name=source.name)
        message = f"{error}\n{told}" if told else str(error)
        raise TraceError(message, error.partial) from error
    return Analyzed(found, module, chosen)
