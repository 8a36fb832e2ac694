"""Where a model comes from: costlab's zoo, code, a library, a configuration, an exported graph.

Does not know what a model costs. Importing a user's file runs it, as Python does.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from costlab.errors import UsageError, did_you_mean
from costlab.sources.factories import model_from
from costlab.sources.text import Words, split
from costlab.zoo import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from costlab.report import Report

__all__ = ["Kind", "Source", "describe_inputs", "find"]

Kind = Literal["zoo", "code", "torchvision", "timm", "hf", "exported", "onnx"]
FORMS = (
    "a network of the zoo (`costlab list`), file.py:factory, package.module:factory, "
    "torchvision:NAME, timm:NAME, hf:FOLDER, hf:CLASS, program.pt2 or model.onnx, "
    'each with literal arguments if need be: inception_v3(width=2), net.py:make("small")'
)
LIBRARIES: dict[str, tuple[Kind, str]] = {
    "torchvision": ("torchvision", "costlab.sources.torchvision_models"),
    "timm": ("timm", "costlab.sources.timm_models"),
    "hf": ("hf", "costlab.sources.transformers_models"),
}
"""What stands before the colon, the kind of source that it is, and the module that knows it.

Each such module has `build(words, name)` and `inputs(words, name, model)`.
"""
FILES: dict[str, tuple[Kind, str]] = {".pt2": ("exported", "costlab.sources.exported")}
"""The same for files that are a model by themselves, by how their names end."""
COUNTED: dict[str, tuple[Kind, str]] = {".onnx": ("onnx", "costlab.onnx.counting")}
"""Files of a graph that no module is made of: each has `report(path, specs, mode, name)`."""
PICKLES = (".pt", ".pth", ".ckpt", ".pkl", ".bin")
GRAPHS = (".safetensors",)


def _none(_: torch.nn.Module) -> None:
    """No input is known."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model that can be built: its name as the user wrote it, and the inputs it is made for.

    `inputs` are what is known before it is built, as it is of the zoo; `own` asks the model.
    `count` is there for a source that is counted without a module: specs and a mode to a report.
    """

    name: str
    build: Callable[[], torch.nn.Module]
    inputs: tuple[str, ...] | None
    kind: Kind = "code"
    own: Callable[[torch.nn.Module], tuple[str, ...] | None] = _none
    count: Callable[[tuple[str, ...], str], Report] | None = None

    def inputs_for(self, model: torch.nn.Module) -> tuple[str, ...]:
        """The specs of the inputs that the model is made for, once it is built.

        Raises:
            UsageError: none are known; the message says what the forward asks for.
        """
        from costlab.sources.examples import example_of

        known = self.inputs or example_of(model) or self.own(model)
        if known is None:
            raise UsageError(describe_inputs(model, self.name))
        return known


def find(text: str) -> Source:
    """The source that a text names; nothing is built, and a user's file not yet imported.

    Raises:
        UsageError: the text is of no known form, or names no network of the zoo.

    >>> find("inception_v3").inputs, find("figure5(inputs=192)").inputs
    (('f32[1,3,299,299]',), ('f32[1,192,35,35]',))
    >>> find("timm:resnet50(num_classes=10)").kind
    'timm'
    """
    text = text.strip()
    words = split(text)
    home, colon, attribute = words.place.rpartition(":")
    _refuse_data(home or words.place)
    prefix, _, rest = words.place.partition(":")
    if colon and prefix in LIBRARIES:
        if not rest.strip():
            message = f"{words.place!r} names no model. A model is {FORMS}."
            raise UsageError(message)
        return _known_to(LIBRARIES[prefix], text, words, rest.strip())
    if (program := _by_end(FILES, words.place)) is not None:
        if words.args or words.kwargs:
            message = f"{words.place} is a program as it was exported: leave its arguments out"
            raise UsageError(message)
        return _known_to(program, text, words, words.place)
    if (graph := _by_end(COUNTED, words.place)) is not None:
        return _counted(graph, text, words)
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
    return Source(text, lambda: model_from(known, words.place), (f"f32[{shape}]",), "zoo")


def _by_end(kinds: dict[str, tuple[Kind, str]], place: str) -> tuple[Kind, str] | None:
    """The kind of file that a place is by how it ends, which may be all of its name."""
    return next((kind for end, kind in kinds.items() if place.endswith(end)), None)


def _known_to(entry: tuple[Kind, str], text: str, words: Words, name: str) -> Source:
    """The source of a name that a module knows, which is imported when the model is built."""
    kind, module = entry

    def build() -> torch.nn.Module:
        found: torch.nn.Module = import_module(module).build(words, name)
        return found

    def own(model: torch.nn.Module) -> tuple[str, ...] | None:
        specs: Any = import_module(module).inputs(words, name, model)
        return None if specs is None else tuple(specs)

    return Source(text, build, None, kind, own)


def _counted(entry: tuple[Kind, str], text: str, words: Words) -> Source:
    """The source of a file that is counted as it is.

    Raises:
        UsageError: arguments are given.
    """
    kind, module = entry
    if words.args or words.kwargs:
        message = f"{words.place} is a graph as it was exported: leave its arguments out"
        raise UsageError(message)

    def build() -> torch.nn.Module:
        message = (
            f"{text} holds no module of torch; `costlab report`, `compare`, `check` and `diff` "
            "count it as it is"
        )
        raise UsageError(message)

    def count(specs: tuple[str, ...], mode: str) -> Report:
        found: Report = import_module(module).report(words.place, specs, mode, text)
        return found

    return Source(text, build, None, kind, count=count)


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
    if Path(place).suffix == ".py":
        return f"{place} is a file; name the factory in it too, such as {place}:make"
    if _exists(place):
        return _no_model(Path(place))
    home, _, attribute = place.rpartition(".")
    hint = did_you_mean(place, CATALOGUE)
    if not hint and home:
        hint = f" Did you mean {home}:{attribute}?"
    return f"no network is called {place!r}.{hint} A model is {FORMS}."


def _no_model(path: Path) -> str:
    """What is said of a folder, a saved document or another file that is taken for a model."""
    if path.is_dir():
        inside = path / "config.json"
        known = f"hf:{path}" if _exists(str(inside)) else f"{path / 'net.py'}:make"
        return f"{path} is a folder; name what is in it, such as {known}"
    if path.suffix == ".json":
        return (
            f"{path} is no model; if it is a saved report, `costlab show {path}` shows it and "
            f"`costlab diff {path} MODEL` compares a model with it"
        )
    return f"{path} is a file that holds no model. A model is {FORMS}."


def _exists(place: str) -> bool:
    try:
        return Path(place).exists()
    except (OSError, ValueError):
        return False


def describe_inputs(model: torch.nn.Module, name: str) -> str:
    """What the forward of a model asks for, with an example; for when no input is given."""
    from costlab.sources.asking import asked

    return asked(model, name)
