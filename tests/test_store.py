"""Documents on disk: whole or as they were, and the same when they come back."""

import errno
import json
import os
import stat
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch

import costlab
from costlab.errors import DocumentError, UsageError
from costlab.report import Counter, Covered, Report, Unknown
from costlab.store import DOCUMENTS, is_stream, load, save, write_text


@pytest.fixture(scope="module")
def report() -> Report:
    """A small report."""
    return costlab.analyze(torch.nn.Sequential(torch.nn.Linear(4, 4)), "f32[2,4]", mode="eval")


def test_a_report_comes_back(report: Report, tmp_path: Path) -> None:
    """What is saved is loaded as an equal report."""
    save(report, tmp_path / "a.json")
    assert load(tmp_path / "a.json") == report
    assert load(str(tmp_path / "a.json")) == report


def test_each_document_is_read_by_its_own_class() -> None:
    """What the table imports exists, and calls its schema the same."""
    for schema, where in DOCUMENTS.items():
        module, _, name = where.partition(":")
        home = import_module(module)
        assert schema == home.SCHEMA
        assert callable(getattr(home, name).from_dict)


def test_keys_of_a_later_costlab_are_left_out(report: Report, tmp_path: Path) -> None:
    """Within a version keys are only added: a report that has more of them is read all the same."""

    def more(value: object) -> object:
        if isinstance(value, dict):
            return {
                key: below if key == "attributes" else more(below) for key, below in value.items()
            } | {"novel": [1]}  # what attributes there are, an operation says
        return [more(below) for below in value] if isinstance(value, list) else value

    counted = replace(
        report,
        coverage=Covered(1, 0, (Unknown("aten::roll", "0", 1, 8),)),
        counters=(Counter("fvcore", "0.1.5", 33, (("a reason", 1),)),),
    )
    document = counted.to_dict()
    versions = document["versions"]
    extended = more(document)
    assert isinstance(extended, dict)
    extended["versions"] = versions  # whose keys are packages
    (tmp_path / "a.json").write_text(json.dumps(extended), encoding="utf-8")
    assert load(tmp_path / "a.json") == counted


@pytest.mark.parametrize("key", ["macs", "depth"])
def test_a_key_that_is_missing_is_still_found(report: Report, key: str) -> None:
    """The guard against damage has not become blind: each count of the total must be there."""
    document = report.to_dict()
    del document["total"][key]
    with pytest.raises(DocumentError, match=f"the report is damaged: .*'{key}'"):
        Report.from_dict(document)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new text takes the old one's place, with its permissions; nothing is left beside it."""
    target = tmp_path / "a.txt"
    target.write_text("a long text that was there", encoding="utf-8")
    target.chmod(0o600)
    write_text(target, "new")
    assert target.read_text(encoding="utf-8") == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["a.txt"]  # noqa: PTH208 - hidden files too


def test_line_ends_stay(tmp_path: Path) -> None:
    """Line ends are written as they are, on every system."""
    write_text(tmp_path / "a.txt", "a\nb\r\n")
    assert (tmp_path / "a.txt").read_bytes() == b"a\nb\r\n"


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
def test_nothing_is_left_of_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """If the last step fails, or someone interrupts, the old file stands and no other does."""
    target = tmp_path / "a.txt"
    target.write_text("as it was", encoding="utf-8")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises((UsageError, KeyboardInterrupt)):
        write_text(target, "new")
    assert os.listdir(tmp_path) == ["a.txt"]  # noqa: PTH208 - hidden files too
    assert target.read_text(encoding="utf-8") == "as it was"


def test_the_guard_against_half_files_can_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the writing and the renaming there is a file beside the target."""
    seen: list[str] = []
    rename = Path.replace

    def watched(beside: Path, target: Path) -> Path:
        seen.extend(path.name for path in tmp_path.iterdir())
        return rename(beside, target)

    monkeypatch.setattr(Path, "replace", watched)
    write_text(tmp_path / "a.txt", "new")
    (beside,) = seen
    assert beside.startswith(".costlab-")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder is refused, and stays empty."""
    with pytest.raises(UsageError, match=r"cannot write .*: it is a directory; name a file in it"):
        write_text(tmp_path, "text")
    assert not list(tmp_path.iterdir())


def test_a_dangling_link_is_filled(tmp_path: Path) -> None:
    """A link to a file that is not there yet makes that file."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text(tmp_path / "link", "text")
    assert (tmp_path / "real").read_text(encoding="utf-8") == "text"
    assert (tmp_path / "link").is_symlink()


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    """A named pipe takes the text and stays a pipe."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert is_stream(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_text(pipe, "text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_what_is_a_stream(tmp_path: Path) -> None:
    """Devices are streams, also where a link leads to a file; files and folders are none."""
    assert is_stream("/dev/null")
    assert is_stream("/dev/stdout")
    assert not is_stream(tmp_path)
    assert not is_stream(tmp_path / "absent")


def test_half_a_character_is_escaped(tmp_path: Path) -> None:
    """A lone surrogate, of a file's name that is no UTF-8, is written as JSON's own escape."""
    write_text(tmp_path / "a.json", '"\udcff"')
    assert (tmp_path / "a.json").read_bytes() == rb'"\udcff"'


@pytest.mark.parametrize("path", ["a\0b", "no/such/folder/a.json"])
def test_paths_that_cannot_be(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither reading nor writing one raises anything but costlab's own errors."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DocumentError, match="cannot read"):
        load(path)
    with pytest.raises(UsageError, match="cannot write"):
        write_text(path, "text")
