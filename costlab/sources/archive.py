"""The description of an exported program, read from its archive: JSON alone, within bounds.

Does not know what the program does. `torch.export.load` unpickles sample inputs, constants and some
weights, which could run anything; here nothing but the graph and the names of the weights is read.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.errors import NoSuchModelError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 256 << 20
"""Bytes of a description; one of 10,000 operations with their stack traces has 20 million."""
MOST_FILES = 1 << 20
SCHEMA_VERSION = 8
"""The major version that is understood, of torch 2.5 to 2.13 (torch/_export/serde/schema.py)."""
GRAPH = ("/models/", ".json")
GRAPH_BEFORE = "serialized_exported_program.json"
"""The whole program, as torch wrote it before 2.8."""
WEIGHTS = "_weights_config.json"


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive says: the program, and which file each weight is stored in."""

    program: Mapping[str, Any]
    files: Mapping[str, str]


def read(path: str) -> Archive:
    """The description in a file.

    Raises:
        SourceError: it is not there, no such archive, damaged, too large, or of another version.
    """
    if not Path(path).is_file():
        message = f"there is no file {path}"
        raise NoSuchModelError(message)
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, path)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        message = f"{path} is no archive of torch.export.save, or is damaged: {error}"
        raise SourceError(message) from error


def _read(archive: zipfile.ZipFile, path: str) -> Archive:
    names = archive.namelist()
    if len(names) > MOST_FILES:
        message = f"{path} holds more than {MOST_FILES:,} files"
        raise SourceError(message)
    graphs = [name for name in names if GRAPH[0] in name and name.endswith(GRAPH[1])]
    graphs += [name for name in names if name == GRAPH_BEFORE]
    if len(graphs) != 1:
        compiled = any("/data/aotinductor/" in name for name in names)
        held = f"{len(graphs)} programs" if graphs else "no program"
        if compiled and not graphs:
            held = "compiled code, whose operations cannot be seen"
        message = f"{path} holds {held}; write one with torch.export.save(program, {path!r})"
        raise SourceError(message)
    program = _json(archive, graphs[0], path)
    version = _field(program, path, "schema_version", "major")
    if version != SCHEMA_VERSION:
        message = (
            f"{path} is of version {version} of the format, and this costlab reads "
            f"{SCHEMA_VERSION}; export the model again with a newer torch"
        )
        raise SourceError(message)
    files: dict[str, str] = {}
    for name in [name for name in names if name.endswith(WEIGHTS)]:
        config = _json(archive, name, path).get("config")
        for weight, told in (config if isinstance(config, dict) else {}).items():
            meta = told.get("tensor_meta") if isinstance(told, dict) else None
            if isinstance(meta, dict):
                # Two names of the same part of a file are one weight.
                files[weight] = json.dumps([told.get("path_name"), meta], sort_keys=True)
    return Archive(program, files)


def _json(archive: zipfile.ZipFile, name: str, path: str) -> dict[str, Any]:
    with archive.open(name) as file:
        text = file.read(LARGEST + 1)  # whatever the archive says of its size
    if len(text) > LARGEST:
        message = f"{path}: {name} is larger than {LARGEST >> 20} MiB"
        raise SourceError(message)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"{path}: {name} is damaged: {error}"
        raise SourceError(message) from error
    if not isinstance(found, dict):
        message = f"{path}: {name} is damaged: it holds no object"
        raise SourceError(message)
    return found


def _field(found: Any, path: str, *keys: str) -> Any:
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            message = f"{path} is damaged: its description has no {'.'.join(keys)}"
            raise SourceError(message)
        found = found[key]
    return found
