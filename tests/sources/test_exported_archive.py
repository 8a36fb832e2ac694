"""Archives of exported programs that are damaged, or swell when they are read: refused early."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from costlab.errors import SourceError
from costlab.sources import archive, program
from tests.sources.programs import altered, reported, saved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

MODEL = "x/models/é.json"
WEIGHTS = "x/data/weights/{}_weights_config.json"
PROGRAM = b'{"schema_version": {"major": 8}, "stored": "' + bytes(range(48, 91)) * 9 + b'"}'
ODD, BAD = "é".encode(), b"\xff\xfe"
FLAGS, METHOD = 8, 10
"""Where an entry of the directory at the end says so (APPNOTE.TXT, 4.3.12)."""


def packed(path: Path, **files: bytes) -> None:
    """An archive with a description, and these lists of weights."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr(MODEL, PROGRAM)
        for name, data in files.items():
            new.writestr(WEIGHTS.format(name), data)


def listed(place: int, value: int) -> Callable[[bytes], bytes]:
    """A change of a byte of the first entry of the directory."""

    def change(data: bytes) -> bytes:
        at = data.index(b"PK\x01\x02") + place
        return data[:at] + bytes([value]) + data[at + 1 :]

    return change


def in_content(data: bytes) -> bytes:
    """A damaged stream: no block of it has this type."""
    at = data.index(ODD) + len(ODD) + len(".json")
    return data[:at] + b"\xff" + data[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(ODD, BAD), lambda data: data.replace(ODD, BAD, 1),
        in_content, listed(FLAGS, 1), listed(METHOD, 99), listed(METHOD, zipfile.ZIP_LZMA),
        lambda data: data.replace(b"PK\x05\x06", b"PK\x00\x00"),
    ],
    ids=["names", "a name", "content", "encrypted", "unknown method", "other method", "no end"],
)  # fmt: skip
def test_a_damaged_zip(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Whatever zipfile raises for it, what is told is the file and that it cannot be read."""
    path = tmp_path / "net.pt2"
    packed(path)
    assert archive.read(str(path)).files == {}
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(SourceError, match=r"net\.pt2.*(damaged|not read)"):
        archive.read(str(path))


@pytest.mark.parametrize(
    ("limit", "most", "message"),
    [
        ("LARGEST", 20_000, "with x/data/.*list2"), ("MOST_VALUES", 8, "of more than 8 values"),
        ("MOST_LISTS", 2, "holds 3 lists of weights"),
    ],
)  # fmt: skip
def test_all_files_have_one_limit(
    limit: str, most: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read of several files is bounded together: bytes, values, and how many they are."""
    path = tmp_path / "net.pt2"
    packed(path, **{f"list{number}": b'{"config": {}' + b" " * 9000 + b"}" for number in range(3)})
    assert archive.read(str(path)).files == {}
    monkeypatch.setattr(archive, limit, most)
    with pytest.raises(SourceError, match=message):
        archive.read(str(path))


READ = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
from costlab.errors import SourceError
from costlab.sources import archive
try:
    archive.read(sys.argv[1])
except SourceError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to its limit")
def test_objects_without_end_are_refused_within_half_a_gigabyte(tmp_path: Path) -> None:
    """A description of 50 million empty objects, which would take 3 GB, is not parsed."""
    path = tmp_path / "net.pt2"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
        new.open(MODEL, "w") as file,
    ):
        file.write(b'{"a": [')
        for _ in range(150):
            file.write(b"{}," * (1 << 20 >> 2))
        file.write(b"0]}")
    command = [sys.executable, "-c", READ, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "of more than 12,582,912 values" in done.stdout


def test_modules_are_as_deep_and_as_many_as_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A weight whose path is deeper, and paths that come to more modules, are refused unmade."""
    path = tmp_path / "net.pt2"
    saved(path, nn.Linear(3, 3), (torch.zeros(2, 3),))

    def named(levels: int) -> Callable[[dict[str, Any]], None]:
        def change(description: dict[str, Any]) -> None:
            (first, *_) = description["graph_module"]["signature"]["input_specs"]
            first["parameter"]["parameter_name"] = "a." * levels + "weight"

        return change

    altered(path, named(100_000))
    with pytest.raises(SourceError, match="has modules 100,000 levels deep, deeper than Python"):
        reported(path)
    altered(path, named(60))
    assert reported(path).total.macs == 2 * 3 * 3
    monkeypatch.setattr(program, "MOST_MODULES", 59)
    with pytest.raises(SourceError, match="has more than 59 modules"):
        reported(path)
