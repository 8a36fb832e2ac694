"""Documents on disk: saved as JSON, loaded by schema, written beside and renamed.

Knows neither torch nor how a document is shown.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from costlab.errors import DocumentError, UsageError
from costlab.reportfaults import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from costlab.bench.document import Measurements
    from costlab.budgets.checks import Checks
    from costlab.budgets.difference import Difference
    from costlab.claims.document import Verdicts
    from costlab.comparison import Comparison
    from costlab.conventions.explanation import Explanation
    from costlab.report import Report

    Document = Report | Verdicts | Comparison | Measurements | Difference | Checks | Explanation

REPORT = "costlab.report/1"
BENCH = "costlab.bench/1"
DOCUMENTS = {
    REPORT: "costlab.report:Report",
    "costlab.claims/1": "costlab.claims.document:Verdicts",
    "costlab.compare/1": "costlab.comparison:Comparison",
    BENCH: "costlab.bench.document:Measurements",
    "costlab.diff/1": "costlab.budgets.difference:Difference",
    "costlab.check/1": "costlab.budgets.checks:Checks",
    "costlab.explain/1": "costlab.conventions.explanation:Explanation",
}
"""The documents that this version can read, by schema; each is imported when one is read."""
SAVED = {
    "costlab.claims/1": "costlab claims --format json:FILE",
    "costlab.compare/1": "costlab compare MODEL MODEL --format json:FILE",
    "costlab.diff/1": "costlab diff BASE --format json:FILE",
    "costlab.check/1": "costlab check --format json:FILE",
    "costlab.explain/1": "costlab explain MODEL --format json:FILE",
}
"""The commands that save the documents which are neither reports nor measurements."""
BEGINNING = 200
"""Characters within which a document of ours says its schema."""


def load(path: str | Path) -> Document:
    """The document in a file.

    Raises:
        DocumentError: the file cannot be read, is no JSON, or is no sound document of ours.
    """
    try:
        # Some editors and shells begin a file with a byte-order mark.
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path} is not JSON: it is no text in UTF-8. {REMEDY}"
        raise DocumentError(message) from error
    except (OSError, ValueError) as error:
        message = f"cannot read {path}: {_reason(error)}"
        raise DocumentError(message) from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        said = re.search(r'"schema":\s*"([\w.]+/\d+)"', text[:BEGINNING])
        message = f"{path} is not JSON: {error}. {remedy(said[1] if said else None)}"
        raise DocumentError(message) from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(schema, str) or schema not in DOCUMENTS:
        raise DocumentError(f"{path} {_unreadable(schema)}")
    try:
        loaded = _reader(schema)(document)
        fault = next(faults(loaded), None) if schema == REPORT else None
    except DocumentError as error:
        message = f"{path}: {error}. {remedy(schema)}"
        raise DocumentError(message) from error
    except RecursionError as error:
        message = f"{path}: the report is damaged: its blocks are nested too deep. {remedy(schema)}"
        raise DocumentError(message) from error
    if fault is not None:
        message = f"{path}: the report is damaged: {fault}. {REMEDY}"
        raise DocumentError(message)
    return cast("Document", loaded)


def _reader(schema: str) -> Callable[..., Any]:
    """What makes the document of a schema from plain data."""
    module, _, name = DOCUMENTS[schema].partition(":")
    return cast("Callable[..., Any]", getattr(import_module(module), name).from_dict)


def save(report: Document, path: str | Path) -> None:
    """Writes a document to a file as JSON; the file is whole or as it was.

    Raises:
        UsageError: the file cannot be written.
    """
    write_text(path, report.to_json())


def write_text(path: str | Path, text: str) -> None:
    """Writes a file beside its place and renames it, so that no half file is ever seen.

    A link is followed; a name that is no text gets into the file as its escape, which JSON reads.

    Raises:
        UsageError: the file cannot be written; whatever was there is as it was.
    """
    beside = None
    try:
        if is_stream(path):
            # A terminal or a pipe (/dev/stdout) has no place beside it to rename from.
            with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            return
        target = Path(path).resolve()
        if target.is_dir():
            message = f"cannot write {path}: it is a directory; name a file in it"
            raise UsageError(message)
        handle, beside = tempfile.mkstemp(prefix=".costlab-", dir=target.parent)
        with os.fdopen(
            handle, "w", encoding="utf-8", newline="", errors="backslashreplace"
        ) as file:
            file.write(text)
        Path(beside).chmod(_mode(target))
        Path(beside).replace(target)
        beside = None
    except (OSError, ValueError) as error:
        message = f"cannot write {path}: {_reason(error)}; nothing was changed"
        raise UsageError(message) from error
    finally:
        if beside is not None:
            Path(beside).unlink(missing_ok=True)


def is_stream(path: str | Path) -> bool:
    """Whether a path is a device, a pipe or another thing that takes text but is no file."""
    target = Path(path)
    if target.parts[:2] == ("/", "dev"):
        return True  # /dev/stdout is whatever stdout is, and a file there is not to be replaced
    return target.exists() and not target.is_file() and not target.is_dir()


REMEDY = "Save one anew with `costlab report MODEL --format json:FILE`."
MEASURE = "Measure anew with `costlab bench STUDY --out FILE`."


def remedy(schema: str | None) -> str:
    """How to get a sound document of a schema; a report where none is known.

    >>> remedy("costlab.check/1")
    'Save one anew with `costlab check --format json:FILE`.'
    """
    if schema == BENCH:
        return MEASURE
    return f"Save one anew with `{SAVED[schema]}`." if schema in SAVED else REMEDY


def without_remedy(told: str) -> str:
    """What is wrong with a document, without how to get a sound one.

    >>> without_remedy(f"a.json is not JSON. {MEASURE}")
    'a.json is not JSON'
    """
    for known in (REMEDY, *map(remedy, DOCUMENTS)):
        told = told.removesuffix(known)
    return told.rstrip(" .")


def _mode(target: Path) -> int:
    """The permissions of the file that is replaced, or those a new file would get."""
    if target.exists():
        return target.stat().st_mode & 0o777
    umask = os.umask(0)
    os.umask(umask)
    return 0o666 & ~umask


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _unreadable(schema: object) -> str:
    known = re.match(r"(costlab\.\w+)/(\d+)$", schema) if isinstance(schema, str) else None
    readable = ", ".join(DOCUMENTS)
    if known is None:
        return f"is not a costlab document: it has no schema of ours ({readable}). {REMEDY}"
    if known[1] in (name.partition("/")[0] for name in DOCUMENTS):
        return (
            f"is of schema {schema}, which is newer than this costlab (it reads {readable}); "
            "update costlab, or save the report anew with this one"
        )
    return f"is of schema {schema}, which `costlab show` cannot read (it reads {readable})"
