"""Models as commands run them: built, traced, and their failures told.

Knows neither formats nor tables.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from costlab.cli.voice import Voice, write_err
from costlab.errors import SourceError, TraceError, UsageError
from costlab.inputspec import read
from costlab.report import Report
from costlab.sources import Source
from costlab.sources.importing import user_line

if TYPE_CHECKING:
    import torch

OURS = str(Path(__file__).parents[1])
OWN = (
    "its inputs ({}) are those that it names itself, or that models of its kind take; --input "
    "gives others"
)


class Analyzed(NamedTuple):
    """A report, with the module and the inputs that it is of: specs, or a function's result.

    What is counted without a module has none.
    """

    report: Report
    module: torch.nn.Module | None
    inputs: Any


@contextmanager
def running(model: str) -> Iterator[None]:
    """Within it, what the user's own code prints is no part of the result, nor may it exit.

    Raises:
        SourceError: the code called `sys.exit`.
    """
    try:
        with redirect_stdout(sys.stderr), _without_our_lines():
            yield
    except SystemExit as error:
        message = f"{model} exits instead of computing (sys.exit({error.code!r}){user_line(error)})"
        raise SourceError(message) from error


@contextmanager
def _without_our_lines() -> Iterator[None]:
    """Within it, a warning of torch's does not blame the line of costlab's that called torch."""
    before = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if filename.startswith(OURS) and file is None:
            said, _, _ = str(message).partition(" (Triggered internally")
            write_err(f"{category.__name__}: {said}\n")
        else:
            before(message, category, filename, lineno, file, line)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


def load_torch(voice: Voice) -> None:
    """Imports torch, often the longest step of all: nobody is to take it for the model's."""
    if voice.verbose:
        with voice.step("import", "torch"):
            import_module("costlab.analysis")


def analyzed(
    source: Source,
    specs: tuple[str, ...],
    mode: str,
    voice: Voice,
    function: str = "",
    optimizer: str | None = None,
    on: str = "auto",
) -> Analyzed:
    """The report of a source's model on these inputs, or on its own if there are none.

    A forward that reads values is run on the model with its weights, which are left out at first,
    where `on` says nothing else and there is memory for them. `function` is the text of a function
    that returns the inputs, in place of specs.

    Raises:
        UsageError: the model has no inputs of its own, or the function is none.
        TraceError: the forward stopped; of a network of the zoo the message says what it takes.
    """
    if source.count is not None:
        with voice.step("count", source.name):
            return Analyzed(_counted(source, specs, mode, function, on), None, specs)
    with voice.step("build", source.name):
        module = _built(source, weights=on == "real")
    if function:
        from costlab.sources.examples import inputs_from

        with voice.step("inputs", function):
            chosen = inputs_from(function)
    else:
        chosen = specs or source.inputs_for(module)
    from costlab.analysis import analyze

    try:
        with voice.step("trace", f"{function or ', '.join(chosen)} in {mode} mode"):
            found = analyze(module, chosen, mode=mode, name=source.name, optimizer=optimizer, on=on)
    except TraceError as error:
        from costlab.tracing.fallbacks import weights_would_do

        held = chain(module.parameters(), module.buffers())
        # A program is built without weights in any case.
        buildable = on == "auto" and source.kind != "exported"
        if buildable and weights_would_do(error, held):
            return _with_weights(source, chosen, mode, voice, optimizer, error)
        if not (specs or function or source.inputs):
            message = f"{error}\n{OWN.format(', '.join(chosen))}"
            raise TraceError(message, error.partial) from error
        if source.inputs is None or function:
            raise
        from costlab.smallest import advice

        with voice.step("search", f"the images that {source.name} takes"):
            (own,) = source.inputs
            told = advice(module, chosen, own, mode=mode, name=source.name)
        message = f"{error}\n{told}" if told else str(error)
        raise TraceError(message, error.partial) from error
    return Analyzed(found, module, chosen)


def _with_weights(
    source: Source, chosen: Any, mode: str, voice: Voice, optimizer: str | None, why: TraceError
) -> Analyzed:
    """The report of a model with the weights that it is built with, on real tensors.

    Raises:
        TraceError: the forward stops there too.
    """
    from costlab.analysis import analyze

    first = getattr(why, "first", str(why))
    if source.kind == "torchvision":
        from costlab.sources.torchvision_models import obstacle

        if missing := obstacle():
            message = f"{first}; on real tensors it would stop, as {missing}"
            raise TraceError(message, _told(why.partial, message)) from why
    with voice.step("build", f"{source.name}, with weights"):
        module = _built(source, weights=True)
    with voice.step("trace", f"{source.name} on real tensors"):
        found = analyze(module, chosen, mode=mode, name=source.name, optimizer=optimizer, on="real")
    told = f"counted on real tensors and untrained weights, as on shapes alone {first}"
    return Analyzed(replace(found, warnings=(told, *found.warnings)), module, chosen)


def _told(partial: Any, message: str) -> Any:
    """A report of a forward that stopped, which says this of it."""
    return replace(partial, warnings=(message, *partial.warnings[1:]))


def _counted(source: Source, specs: tuple[str, ...], mode: str, function: str, on: str) -> Report:
    """The report of a source that is counted without a module.

    Raises:
        UsageError: an option asks for what only a module has.
    """
    if function or on != "auto":
        option = "--inputs-from" if function else "--on"
        message = f"{source.name} has no forward that could run: leave {option} out"
        raise UsageError(message)
    if source.count is None:
        raise UsageError(f"{source.name} is counted as a module")
    return source.count(specs, mode)


def _built(source: Source, *, weights: bool) -> torch.nn.Module:
    """The model of a source; with weights only where a forward is to run on them."""
    from costlab.skeleton import with_weights

    with with_weights(weights):
        return source.build()


def one_way(inputs: list[str], function: str | None) -> tuple[tuple[str, ...], str]:
    """The specs of `--input` and the function of `--inputs-from`, of which only one is given.

    Raises:
        UsageError: both are given, or a spec cannot be read.
    """
    if inputs and function is not None:
        message = "--input and --inputs-from both say what goes in; give one of them"
        raise UsageError(message)
    if function is not None and ":" not in function:
        message = f"--inputs-from {function!r} names no function; write inputs.py:make"
        raise UsageError(message)
    for spec in inputs:
        read(spec)
    return tuple(inputs), function or ""
