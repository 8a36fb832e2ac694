"""The import of a user's module, by its file or its name, and the user's line where it failed.

Does not know what is looked for in the module.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.errors import NoSuchModelError, SourceError, did_you_mean, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

COSTLAB = str(Path(__file__).parents[1]) + os.sep
IMPORTLIB = str(Path(importlib.__file__).parent) + os.sep


def import_home(home: str, place: str) -> ModuleType:
    """The module at a file's path or under a dotted name; what it prints goes to stderr.

    Raises:
        SourceError: there is none, or it does not import.
    """
    try:
        with redirect_stdout(sys.stderr):
            return _import_file(Path(home)) if home.endswith(".py") else _import_name(home)
    except SourceError:
        raise
    except ModuleNotFoundError as error:
        if error.name and f"{home}.".startswith(f"{error.name}."):
            raise NoSuchModelError(_missing(home, error.name, place)) from error
        raise SourceError(_failed(home, error)) from error
    except (Exception, SystemExit) as error:
        raise SourceError(_failed(home, error)) from error


@contextmanager
def search_path(home: str) -> Iterator[None]:
    """The file's folder, or the current one, at the head of the import path, as Python has it."""
    folder = str(Path(home).resolve().parent if home.endswith(".py") else Path.cwd())
    sys.path.insert(0, folder)
    # A module that was written since the folder was last read is to be found.
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def user_line(error: BaseException) -> str:
    """The file and line of the last frame that is the user's own, in brackets; empty if none is."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" [{error.filename}:{error.lineno}]"
    users = [
        frame for frame in traceback.extract_tb(error.__traceback__) if is_users(frame.filename)
    ]
    return f" [{users[-1].filename}:{users[-1].lineno}]" if users else ""


def is_users(file: str) -> bool:
    """Whether a file of a traceback is neither torch's, nor costlab's, nor of Python's import."""
    torch = sys.modules.get("torch")
    theirs = str(Path(torch.__file__).parent) + os.sep if torch and torch.__file__ else COSTLAB
    return not file.startswith((COSTLAB, IMPORTLIB, theirs, "<"))


def told(error: BaseException) -> str:
    """An error of the user's code in a few words: its line, its kind and what it says."""
    if isinstance(error, SystemExit):
        return f"{user_line(error)}: it exits (SystemExit: {error.code})"
    if isinstance(error, SyntaxError):
        return f"{user_line(error)}: {type(error).__name__}: {error.msg}"
    return f"{user_line(error)}: {type(error).__name__}: {words_of(error)}"


def _failed(home: str, error: BaseException) -> str:
    remedy = ""
    if isinstance(error, ImportError) and "relative import" in words_of(error):
        remedy = "; name a file of a package as package.module:factory, from outside it"
    return f"{home} does not import{told(error)}{remedy}"


def _missing(home: str, name: str, place: str) -> str:
    attribute = place.rpartition(":")[2]
    for file in (f"{home}.py", f"{home.replace('.', os.sep)}.py"):
        if Path(file).is_file():
            return f"there is no module {name!r}. Did you mean {file}:{attribute}?"
    return (
        f"there is no module {name!r} (for {place}) in the current folder or among the installed "
        f"packages; a file is named by its path, such as path/to/net.py:{attribute}"
    )


def _import_name(name: str) -> ModuleType:
    return importlib.import_module(name)


class _AsItStands(SourceFileLoader):
    """Compiles a file each time, and leaves no bytecode beside it.

    Python takes bytecode for current where the source has the size and, to the second, the time
    that it had: who writes one width after another into a file would be told of the first.
    """

    def path_stats(self, path: Any) -> Any:
        """Refuses, whereupon Python neither reads nor writes bytecode."""
        raise OSError(path)


def _import_file(path: Path) -> ModuleType:
    if not path.is_file():
        files = {other.stem: other.name for other in path.parent.glob("*.py")}
        near = did_you_mean(path.stem, files)
        if near:
            near = f" Did you mean {path.with_name(files[near.split()[-1].rstrip('?')])}?"
        where = "" if path.is_absolute() else f" (in {Path.cwd()})"
        message = f"there is no file {path}{where}.{near}"
        raise NoSuchModelError(message)
    name = path.stem if path.stem.isidentifier() else "model"
    called = f"_costlab_user_{name}"
    loader = _AsItStands(called, str(path.absolute()))
    spec = importlib.util.spec_from_file_location(called, path, loader=loader)
    if spec is None or spec.loader is None:
        message = f"{path} cannot be imported as Python"
        raise SourceError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickles look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module
