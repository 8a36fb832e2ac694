"""What costlab raises: one root, and a class for each thing a caller may want to catch.

This module does not know how an error is shown; only `costlab.cli` turns one into an exit code.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class CostlabError(Exception):
    """The root of every error that costlab raises on purpose.

    The message names the thing, the place and the remedy, so that it can be printed as it is.
    """


class UsageError(CostlabError):
    """An argument, name, option or file that cannot be used as it was given."""


class RefusedInputError(UsageError):
    """An input that a program says it was not exported for: nothing of it has run."""


class SourceError(CostlabError):
    """A model that could not be built: its file, its import or its factory failed."""


class NoSuchModelError(SourceError):
    """A model that is not there: neither its file or module, nor its factory in it."""


class TraceError(CostlabError):
    """A forward that stopped before its end.

    `partial` is the report of what ran until then, or None if nothing did; `cause` (the standard
    `__cause__`) is the model's own exception.
    """

    def __init__(self, message: str, partial: Any = None) -> None:
        super().__init__(message)
        self.partial = partial


class UnknownOperationError(CostlabError):
    """A strict analysis met an operation that no rule prices."""


class DocumentError(CostlabError):
    """A saved document that is not one of ours, or is of a schema that this version cannot read."""


def words_of(error: BaseException) -> str:
    """What an error says, whatever its own `__str__` does.

    >>> words_of(KeyError("weight"))
    "'weight'"
    """
    try:
        return str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as failed:  # noqa: BLE001 - a class of the user's, which may raise anything
        return f"(its __str__ raises {type(failed).__name__})"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest known name, or the empty string if none is near.

    >>> did_you_mean("inception_v33", ["inception_v3", "resnet50"])
    ' Did you mean inception_v3?'
    """
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if not near:
        folded = {candidate.casefold(): candidate for candidate in names}
        near = [folded[key] for key in difflib.get_close_matches(name.casefold(), folded, n=1)]
    return f" Did you mean {near[0]}?" if near else ""
