"""Where a model comes from: a network of the zoo, `package.module:factory` or `file.py:factory`.

Does not know what a model costs. Importing a user's file runs it, as Python does.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.errors import SourceError, UsageError, did_you_mean
from costlab.zoo import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

FORMS = (
    "a network of the zoo (`costlab list`), file.py:factory or package.module:factory, "
    'each with literal arguments if need be: inception_v3(width=2), net.py:make("small")'
)


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
    """
    place, args, kwargs = _split_call(text.strip())
    if ":" in place:
        return Source(text, lambda: _from_factory(place, args, kwargs), None)
    network = CATALOGUE.get(place)
    if network is None:
        raise UsageError(_unknown(place))
    if args:
        message = f"{place} takes arguments by name only, such as {place}(classes=10)"
        raise UsageError(message)
    shape = ",".join(map(str, (1, *network.input_shape)))
    return Source(text, lambda: _built(lambda: network.build(**kwargs), text), (f"f32[{shape}]",))


def _unknown(place: str) -> str:
    if place.endswith((".py", ".pt2")) or "/" in place or Path(place).exists():
        return f"{place} is a file; name the factory in it too: {place}:make_model"
    if place.endswith((".pt", ".pth", ".ckpt", ".pkl")):
        return f"{place} is a pickle, which could run anything; name the code that builds the model"
    return f"no network is called {place!r}.{did_you_mean(place, CATALOGUE)} A model is {FORMS}."


def _split_call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """The place, and the literal arguments in parentheses after it."""
    opening = text.find("(")
    if opening < 0:
        return text, [], {}
    try:
        call = ast.parse(f"f{text[opening:]}", mode="eval").body
        # Whatever is no call, such as `f(1)+f(2)`, lacks these and is refused below.
        args = [ast.literal_eval(arg) for arg in call.args]  # type: ignore[attr-defined]
        words = call.keywords  # type: ignore[attr-defined]  # as above
        kwargs = {str(word.arg): ast.literal_eval(word.value) for word in words}
    except (SyntaxError, ValueError, AttributeError, MemoryError, RecursionError):
        message = (
            f"cannot read the arguments of {text!r}; they must be literals, such as "
            f"{text[:opening]}(width=2)"
        )
        raise UsageError(message) from None
    return text[:opening], args, kwargs


def _from_factory(place: str, args: list[Any], kwargs: dict[str, Any]) -> torch.nn.Module:
    home, _, attribute = place.rpartition(":")
    module = _import(home, place)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            names = [name for name, value in vars(module).items() if callable(value)]
            own = [
                name
                for name in names
                if getattr(vars(module)[name], "__module__", "") == module.__name__
            ]
            hint = did_you_mean(part, names) or (f" It has {', '.join(own)}." if own else "")
            message = f"{home} has no {part!r}.{hint}"
            raise SourceError(message)
        found = getattr(found, part)
    if _is_module(found):
        return _checked(found, place)
    if not callable(found):
        message = (
            f"{place} is a {type(found).__name__}, which cannot be called; name a function or "
            "class that returns the model"
        )
        raise SourceError(message)
    return _checked(_built(lambda: found(*args, **kwargs), place), place)


def _built(factory: Callable[[], Any], place: str) -> Any:
    """What the factory returns; an error of its own is told with the line that raised it."""
    from costlab.skeleton import build

    try:
        with redirect_stdout(sys.stderr):
            return build(factory)
    except Exception as error:
        message = f"{place} could not be built{_line(error)}: {type(error).__name__}: {error}"
        raise SourceError(message) from error


def _checked(model: Any, place: str) -> torch.nn.Module:
    if not _is_module(model):
        message = f"{place} returned {_article(type(model).__name__)}, not a torch.nn.Module"
        raise SourceError(message)
    checked: torch.nn.Module = model
    return checked


def _is_module(value: Any) -> bool:
    import torch

    return isinstance(value, torch.nn.Module)


def _article(name: str) -> str:
    return "nothing" if name == "NoneType" else f"a {name}"


def _import(home: str, place: str) -> Any:
    """The module at a file's path or under a dotted name."""
    try:
        with _search_path(home), redirect_stdout(sys.stderr):
            if home.endswith(".py"):
                return _import_file(Path(home))
            return importlib.import_module(home)
    except SourceError:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and home.startswith(error.name):
            message = f"there is no module {error.name!r} (for {place}); a file is named {home}.py"
            raise SourceError(message) from error
        message = f"{home} does not import{_line(error)}: {type(error).__name__}: {error}"
        raise SourceError(message) from error


def _import_file(path: Path) -> Any:
    if not path.is_file():
        near = did_you_mean(path.name, [str(other.name) for other in path.parent.glob("*.py")])
        message = f"there is no file {path}.{near}"
        raise SourceError(message)
    name = path.stem if path.stem.isidentifier() else "costlab_model"
    spec = importlib.util.spec_from_file_location(f"_costlab_user_{name}", path)
    if spec is None or spec.loader is None:
        message = f"{path} cannot be imported as Python"
        raise SourceError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look their module up
    spec.loader.exec_module(module)
    return module


@contextmanager
def _search_path(home: str) -> Iterator[None]:
    """The file's folder, or the current one, at the head of the import path, as Python has it."""
    folder = str(Path(home).resolve().parent) if home.endswith(".py") else os.getcwd()  # noqa: PTH109 - Path.cwd() is the same
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _line(error: BaseException) -> str:
    """The file and line of the user's own frame that raised, in brackets."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) and error.filename:
        return f" [{error.filename}:{error.lineno}]"
    ours = str(Path(__file__).parent)
    users = [
        f for f in frames if not f.filename.startswith((ours, "<")) and "torch" not in f.filename
    ]
    return f" [{users[-1].filename}:{users[-1].lineno}]" if users else ""


def describe_inputs(model: torch.nn.Module, name: str) -> str:
    """What the forward of a model asks for, with an example command; for when no input is given."""
    parameters = [
        str(parameter) for parameter in inspect.signature(model.forward).parameters.values()
    ]
    return (
        f"{name} needs its inputs: forward({', '.join(parameters)}). Give one spec an argument, "
        f"for example: --input 'f32[1,3,224,224]'"
    )
