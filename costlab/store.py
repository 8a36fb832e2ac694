"""Documents on disk: saved as JSON, loaded by schema, written beside and renamed.

Knows neither torch nor how a document is shown.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.errors import DocumentError, UsageError
from costlab.report import SCHEMA, Report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DOCUMENTS: dict[str, Callable[[Mapping[str, Any]], Report]] = {SCHEMA: Report.from_dict}
"""The documents that this version can read, by schema."""


def load(path: str | Path) -> Report:
    """The document in a file.

    Raises:
        DocumentError: the file cannot be read, is no JSON, or is no document of ours.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read {path}: {_reason(error)}"
        raise DocumentError(message) from error
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        message = f"{path} is not JSON: {error}; save one with --format json:{path}"
        raise DocumentError(message) from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(schema, str) or schema not in DOCUMENTS:
        raise DocumentError(f"{path} {_unreadable(schema)}")
    try:
        return DOCUMENTS[schema](document)
    except DocumentError as error:
        message = f"{path}: {error}"
        raise DocumentError(message) from error


def save(report: Report, path: str | Path) -> None:
    """Writes a document to a file as JSON; the file is whole or as it was.

    Raises:
        UsageError: the file cannot be written.
    """
    write_text(path, report.to_json())


def write_text(path: str | Path, text: str) -> None:
    """Writes a file beside its place and renames it, so that no half file is ever seen.

    Raises:
        UsageError: the file cannot be written; whatever was there is as it was.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        # A terminal or a pipe (/dev/stdout) has no place beside it to rename from.
        _write_through(target, text)
        return
    beside = None
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(beside).chmod(_mode(target))
        Path(beside).replace(target)
    except OSError as error:
        if beside is not None:
            Path(beside).unlink(missing_ok=True)
        message = f"cannot write {path}: {_reason(error)}; nothing was changed"
        raise UsageError(message) from error


def _write_through(target: Path, text: str) -> None:
    try:
        with target.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        message = f"cannot write {target}: {_reason(error)}"
        raise UsageError(message) from error


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
    if known is None:
        return "is not a costlab document: it has no schema of ours"
    readable = ", ".join(DOCUMENTS)
    return f"is of schema {schema}, which this version cannot read (it reads {readable})"
