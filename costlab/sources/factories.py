"""From a place and its arguments to a model: the factory is looked up, checked and called.

Does not know how the place was written.
"""

from __future__ import annotations

import inspect
import re
import sys
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any

from costlab.errors import NoSuchModelError, SourceError, UsageError, did_you_mean
from costlab.sources.importing import import_home, search_path, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import torch

    from costlab.sources.text import Words

LISTED = 12


def model_from(words: Words, name: str) -> torch.nn.Module:
    """The model at a place: the result of its factory, or the module that stands there.

    `name` is what messages call it.

    Raises:
        SourceError: it does not import, is not there, or does not make a module.
        UsageError: the arguments are not those of the factory.
    """
    with _at(words) as found:
        if _is_module(found):
            if words.args or words.kwargs:
                message = f"{name} is a module, not a factory: leave its arguments out"
                raise UsageError(message)
            return _checked(found, name)
        if not callable(found):
            message = (
                f"{name} is {_article(found)}, which cannot be called; name a function or class "
                "that returns the model"
            )
            raise SourceError(message)
        return made_by(found, words, name)


def called(words: Words, name: str) -> object:
    """What the function at a place returns, which need be no model.

    Raises:
        SourceError: it does not import, is not there, or fails.
        UsageError: the arguments are not those of the function.
    """
    with _at(words) as found:
        if not callable(found):
            return found
        _check_arguments(found, words, name)
        try:
            with redirect_stdout(sys.stderr):
                made: object = found(*words.args, **words.kwargs)
        except (Exception, SystemExit) as error:
            message = f"{name} fails{told(error)}"
            raise SourceError(message) from error
    return made


@contextmanager
def _at(words: Words) -> Iterator[Any]:
    """What stands at a place; within it the place's folder is on the import path."""
    home, _, attribute = words.place.rpartition(":")
    with search_path(home):
        yield _look_up(import_home(home, words.place), home, attribute)


def made_by(factory: Any, words: Words, name: str) -> torch.nn.Module:
    """The model that a factory makes of the arguments, without weights where that can be.

    Raises:
        SourceError: it does not make a module.
        UsageError: the arguments are not those of the factory.
    """
    _check_arguments(factory, words, name)
    return _checked(_built(factory, words, name), name)


def _look_up(module: ModuleType, home: str, attribute: str) -> Any:
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            own = _offered(module) if found is module else []
            near = did_you_mean(part, own or dir(found))
            listed = f" It has {', '.join(own[:LISTED])}." if own else ""
            message = f"{home} has no {attribute!r}.{near or listed}"
            raise NoSuchModelError(message)
        found = getattr(found, part)
    return found


def _offered(module: ModuleType) -> list[str]:
    """The public functions and classes that a module defines itself."""
    return [
        name
        for name, value in vars(module).items()
        if callable(value)
        and not name.startswith("_")
        and getattr(value, "__module__", module.__name__) == module.__name__
    ]


def _check_arguments(factory: Any, words: Words, name: str) -> None:
    """Raises a UsageError for arguments that the factory does not take, before it is called."""
    try:
        signature = inspect.signature(factory)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*words.args, **words.kwargs)
    except TypeError as error:
        wrong = re.search(r"unexpected keyword argument '(.*)'", str(error))
        near = did_you_mean(wrong[1], signature.parameters) if wrong else ""
        plain = [
            parameter.replace(annotation=inspect.Parameter.empty)
            for parameter in signature.parameters.values()
        ]
        called = inspect.Signature(plain)
        message = f"{name}: {error}.{near} It is called as {name}{called}."
        raise UsageError(message) from error


def _built(factory: Any, words: Words, name: str) -> object:
    """What the factory returns; an error of its own is told with the line that raised it."""
    from costlab.skeleton import build

    try:
        with redirect_stdout(sys.stderr):
            made: object = build(lambda: factory(*words.args, **words.kwargs))
    except UsageError as error:
        # A factory of ours that was asked for nonsense: its words are for the user as they are.
        message = f"{name} could not be built: {error}"
        raise SourceError(message) from error
    except (Exception, SystemExit) as error:
        message = f"{name} could not be built{told(error)}"
        raise SourceError(message) from error
    return made


def _checked(model: object, name: str) -> torch.nn.Module:
    import torch

    if not isinstance(model, torch.nn.Module):
        hint = ""
        if isinstance(model, type) and issubclass(model, torch.nn.Module):
            hint = "; it returned the class itself, which must be called"
        message = f"{name} returned {_article(model)}, not a torch.nn.Module{hint}"
        raise SourceError(message)
    return model


def _is_module(value: object) -> bool:
    import torch

    return isinstance(value, torch.nn.Module)


def _article(value: object) -> str:
    """The kind of a value with its article.

    >>> _article(None), _article(5), _article([])
    ('nothing', 'an int', 'a list')
    """
    if value is None:
        return "nothing"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
