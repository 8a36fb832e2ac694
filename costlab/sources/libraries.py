"""Libraries that hold models, imported as they are installed: a remedy where one is not, or fails.

Does not know what is looked for in a library. Nothing is downloaded.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import contextmanager, redirect_stdout, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from costlab.errors import SourceError, UsageError, did_you_mean
from costlab.sources.importing import told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from costlab.sources.text import Words

OFFLINE = "HF_HUB_OFFLINE"
WEIGHTS = ("weights", "weights_backbone", "pretrained", "pretrained_backbone", "checkpoint_path")
"""Arguments that ask for trained values: they would be downloaded, and no count depends on them."""


def library(name: str, extra: str) -> ModuleType:
    """A library by its name; `extra` is the extra of costlab that installs it.

    Raises:
        SourceError: it is not installed, or does not import.
    """
    if find_spec(name) is None:
        message = f"{name} is not installed: pip install 'costlab[{extra}]'"
        raise SourceError(message)
    from costlab.sources.torchvision_models import imported

    if name == "torchvision":
        return imported()
    if find_spec("torchvision") is not None:
        # Others import it where it is installed; whether they can do without, they say themselves.
        with suppress(SourceError):
            imported()
    return checked_import(name)


def checked_import(name: str) -> ModuleType:
    """A module of a library that is installed.

    Raises:
        SourceError: it does not import.
    """
    try:
        with quiet(), redirect_stdout(sys.stderr):
            return import_module(name)
    except Exception as error:
        home = name.partition(".")[0]
        message = (
            f"{home} is installed and does not import{told(error)}; install the version that fits "
            f"this torch: pip install --upgrade torch {home}"
        )
        raise SourceError(message) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, a library does not warn: of parts of its own, or of weights that are not made."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def offline() -> Iterator[None]:
    """Within it, the client of Hugging Face's hub downloads nothing, whatever a library asks."""
    # The client reads the variable once, when it is imported, which is to be as the user set it.
    constants = import_module("huggingface_hub.constants") if find_spec("huggingface_hub") else None
    variable = os.environ.get(OFFLINE)
    constant = getattr(constants, OFFLINE, None)
    os.environ[OFFLINE] = "1"
    if constants is not None:
        setattr(constants, OFFLINE, True)
    try:
        yield
    finally:
        os.environ.pop(OFFLINE)
        if variable is not None:
            os.environ[OFFLINE] = variable
        if constants is not None:
            setattr(constants, OFFLINE, constant)


def one_of(name: str, known: Iterable[str], home: str) -> str:
    """A name that a library lists.

    Raises:
        UsageError: the library does not list it.
    """
    names = list(known)
    if name in names:
        return name
    hint = did_you_mean(name, names) or f" It has {len(names)}, such as {names[0]}."
    message = f"{home} has no model {name!r}.{hint}"
    raise UsageError(message)


def arguments(words: Words, example: str) -> dict[str, Any]:
    """The arguments of a model of a library, which are named, and ask for no trained weights.

    Raises:
        UsageError: one is given by its place, or asks for weights.
    """
    if words.args:
        message = f"{words.place} takes arguments by name only, such as {words.place}({example})"
        raise UsageError(message)
    for name in WEIGHTS:
        if words.kwargs.get(name):
            message = (
                f"{words.place}: leave {name} out: it would be downloaded, and what a network "
                "costs does not depend on its weights"
            )
            raise UsageError(message)
    return {name: value for name, value in words.kwargs.items() if name not in WEIGHTS}
