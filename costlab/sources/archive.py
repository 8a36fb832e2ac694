"""The description of an exported program, read from its archive: JSON alone, within bounds.

Does not know what the program does. `torch.export.load` unpickles sample inputs, constants and some
weights, which could run anything; here nothing but the graph and the names of the weights is read.
"""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.errors import NoSuchModelError, SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 192 << 20
"""Bytes of all that is read of an archive; a Llama of 80 layers has 10 million, decomposed 20."""
PIECE = 1 << 20
MARKS = (b",", b":", b"[", b"{")
"""One stands before each value and each key of JSON. Those in texts are counted with them."""
MOST_VALUES = 12 << 20
"""Marks in it; that Llama has 0.6 million. The worst of JSON takes 150 bytes for each (2 GB)."""
MOST_FILES = 1 << 20
MOST_LISTS = 64
"""Files that say where weights are; torch writes one for each program."""
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""torch's own and the usual one; for others an archive says how much memory unpacking takes."""
DAMAGES = (
    zipfile.BadZipFile, OSError, EOFError, RuntimeError, ArithmeticError, LookupError, ValueError,
    struct.error, zlib.error,
)  # fmt: skip
"""What zipfile raises where a file is no archive, is cut off, or is encrypted."""
SCHEMA_VERSION = 8
"""The major version that is understood, of torch 2.5 to 2.13 (torch/_export/serde/schema.py)."""
GRAPH = ("/models/", ".json")
GRAPH_BEFORE = "serialized_exported_program.json"
"""The whole program, as torch wrote it before 2.8."""
WEIGHTS = "_weights_config.json"


@dataclass(slots=True)
class Room:
    """What the files of an archive may still come to, all together."""

    size: int = field(default_factory=lambda: LARGEST)
    values: int = field(default_factory=lambda: MOST_VALUES)


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
    except DAMAGES as error:
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
    lists = [name for name in names if name.endswith(WEIGHTS)]
    if len(lists) > MOST_LISTS:
        message = f"{path} holds {len(lists):,} lists of weights, and a program has one"
        raise SourceError(message)
    room = Room()
    program = _json(archive, graphs[0], path, room)
    version = _field(program, path, "schema_version", "major")
    if version != SCHEMA_VERSION:
        message = (
            f"{path} is of version {version} of the format, and this costlab reads "
            f"{SCHEMA_VERSION}; export the model again with a newer torch"
        )
        raise SourceError(message)
    files: dict[str, str] = {}
    for name in lists:
        config = _json(archive, name, path, room).get("config")
        for weight, told in (config if isinstance(config, dict) else {}).items():
            meta = told.get("tensor_meta") if isinstance(told, dict) else None
            if isinstance(meta, dict):
                # Two names of the same part of a file are one weight.
                files[weight] = json.dumps([told.get("path_name"), meta], sort_keys=True)
    return Archive(program, files)


def _json(archive: zipfile.ZipFile, name: str, path: str, room: Room) -> dict[str, Any]:
    try:
        found = json.loads(_text(archive, name, path, room))
    except (ValueError, RecursionError) as error:
        message = f"{path}: {name} is damaged: {error}"
        raise SourceError(message) from error
    if not isinstance(found, dict):
        message = f"{path}: {name} is damaged: it holds no object"
        raise SourceError(message)
    return found


def _text(archive: zipfile.ZipFile, name: str, path: str, room: Room) -> str:
    if archive.getinfo(name).compress_type not in COMPRESSIONS:
        message = f"{path}: {name} is compressed in a way that is not read; torch writes it plain"
        raise SourceError(message)
    text = bytearray()
    with archive.open(name) as file:  # whatever the archive says of its size
        while len(text) <= room.size and (piece := file.read(PIECE)):
            text += piece
    values = sum(map(text.count, MARKS))
    if len(text) > room.size or values > room.values:
        most = f"{LARGEST >> 20} MiB or of more than {MOST_VALUES:,} values"
        message = f"{path}: with {name} its description is larger than {most}, and is not read"
        raise SourceError(message)
    room.size -= len(text)
    room.values -= values
    return text.decode("ascii")  # as torch writes it; one other character may take 4 times as much


def _field(found: Any, path: str, *keys: str) -> Any:
    for key in keys:
        if not isinstance(found, dict) or key not in found:
            message = f"{path} is damaged: its description has no {'.'.join(keys)}"
            raise SourceError(message)
        found = found[key]
    return found
