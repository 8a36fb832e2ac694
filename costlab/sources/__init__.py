"""Where a model comes from: a network of the zoo, `package.module:factory` or `file.py:factory`.

Does not know what a model costs. Importing a user's file runs it, as Python does.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from costlab.errors import UsageError, did_you_mean
from costlab.sources.factories import model_from
from costlab.sources.text import Words, split
from costlab.zoo import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

__all__ = ["Source", "describe_inputs", "find"]

FORMS = (
    "a network of the zoo (`costlab list`), file.py:factory or package.module:factory, "
    'each with literal arguments if need be: inception_v3(width=2), net.py:make("small")'
)
PICKLES = (".pt", ".pth", ".ckpt", ".pkl", ".bin")
GRAPHS = (".pt2", ".onnx", ".safetensors")


@dataclass(frozen=True, slots=True)
class Source:
    """A model that can be built: its name as the user wrote it, and the inputs it is made for."""

    name: str
    build: Callable[[], torch.nn.Module]
    inputs: tuple[str, ...] | None


def find(text: str) -> Source:
    """The source that a text names; nothing is built, and a user's file not yet imported.

    Raises:
        UsageError: the text is of no known form, or names no network of the zoo.

    >>> find("inception_v3").inputs, find("figure5(inputs=192)").inputs
    (('f32[1,3,299,299]',), ('f32[1,192,35,35]',))
    """
    text = text.strip()
    words = split(text)
    home, colon, attribute = words.place.rpartition(":")
    _refuse_data(home or words.place)
    if colon:
        _check_place(words.place, home, attribute)
        return Source(text, lambda: model_from(words, words.place), None)
    network = CATALOGUE.get(words.place)
    if network is None:
        raise UsageError(_unknown(words.place))
    if words.args:
        message = f"{words.place} takes arguments by name only, such as {words.place}(classes=10)"
        raise UsageError(message)
    known = Words(network.builder, (), {**network.arguments, **words.kwargs})
    shape = ",".join(map(str, (1, *network.shape(**words.kwargs))))
    return Source(text, lambda: model_from(known, words.place), (f"f32[{shape}]",))


def _refuse_data(place: str) -> None:
    """Raises a UsageError for a file that holds weights or a graph, not the code of a model."""
    if place.endswith(PICKLES):
        message = (
            f"{place} is a pickle, which could run anything when it is read; name the code that "
            "builds the model, such as net.py:make"
        )
        raise UsageError(message)
    if place.endswith(GRAPHS):
        message = f"{place} holds no code; name the code that builds the model, such as net.py:make"
        raise UsageError(message)


def _check_place(place: str, home: str, attribute: str) -> None:
    if not home:
        message = f"{place!r} names no file or module before the colon. A model is {FORMS}."
        raise UsageError(message)
    if not all(part.isidentifier() for part in attribute.split(".")):
        what = f"{attribute!r} is no name" if attribute else "the name of the factory is missing"
        message = f"cannot read {place!r}: {what}. Write {home}:make, for a function or class make."
        raise UsageError(message)
    if home.endswith(".py") or all(part.isidentifier() for part in home.split(".")):
        return
    file = home if Path(home).suffix else f"{home}.py"
    hint = f" Did you mean {file}:{attribute}?" if file != home and _exists(file) else ""
    message = f"{home!r} is neither a .py file nor the name of a module.{hint} A model is {FORMS}."
    raise UsageError(message)


def _unknown(place: str) -> str:
    if not place:
        return f"no model is named. A model is {FORMS}."
    if place.endswith(".py") or _exists(place):
        return f"{place} is a file; name the factory in it too, such as {place}:make"
    home, _, attribute = place.rpartition(".")
    hint = did_you_mean(place, CATALOGUE)
    if not hint and home:
        hint = f" Did you mean {home}:{attribute}?"
    return f"no network is called {place!r}.{hint} A model is {FORMS}."


def _exists(place: str) -> bool:
    try:
        return Path(place).exists()
    except (OSError, ValueError):
        return False


def describe_inputs(model: torch.nn.Module, name: str) -> str:
    """What the forward of a model asks for, with an example; for when no input is given."""
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):
        signature = inspect.Signature()
    needed = [
        f"--input '{parameter.name}=f32[1,3,224,224]'"
        if parameter.kind is parameter.KEYWORD_ONLY
        else "--input 'f32[1,3,224,224]'"
        for parameter in signature.parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    example = " ".join(needed or ["--input 'f32[1,3,224,224]'"])
    return (
        f"{name} needs its inputs: forward{signature}. Give one spec an argument, for example: "
        f"{example}"
    )
