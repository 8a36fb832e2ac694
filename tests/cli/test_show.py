"""`costlab show`: a saved report again, and what is said of a file that is none."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from costlab.cli import main
from tests.cli.conftest import Costlab
from tests.cli.models import IMAGE

FORMATS = ("text", "json", "csv", "markdown", "html")
SHOWN: tuple[tuple[str, ...], ...] = (
    (),
    ("--depth", "2", "--units", "exact"),
    ("--module", "Mixed_6?", "--depth", "2", "--columns", "kind,macs,pooling.flops"),
    ("--sort", "params:asc", "--top", "3", "--accessible"),
)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The report of Inception-v3 as it is saved."""
    path = tmp_path_factory.mktemp("saved") / "saved.json"
    with pytest.raises(SystemExit) as end:
        main(["report", "inception_v3", "--format", f"json:{path}"])
    assert end.value.code == 0
    return path.read_bytes()


@pytest.fixture
def saved(report: bytes, tmp_path: Path) -> Path:
    """A file of the report, which a test may damage."""
    path = tmp_path / "saved.json"
    path.write_bytes(report)
    return path


@pytest.mark.parametrize("options", SHOWN, ids=" ".join)
@pytest.mark.parametrize("form", FORMATS)
def test_a_saved_report_shows_the_same(
    costlab: Costlab, saved: Path, form: str, options: tuple[str, ...]
) -> None:
    """In every format, with every option, a saved report shows what the fresh one did."""
    direct = costlab("report", "inception_v3", "--format", form, *options)
    again = costlab("show", str(saved), "--format", form, *options)
    assert again == direct


def test_a_saved_report_saves_as_itself(costlab: Costlab, saved: Path, tmp_path: Path) -> None:
    """A report that is loaded and saved is the same file."""
    copy = tmp_path / "copy.json"
    costlab("show", str(saved), "--format", f"json:{copy}")
    assert copy.read_bytes() == saved.read_bytes()


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    """A change of a document, as one of a file."""

    def edit(content: bytes) -> bytes:
        document = json.loads(content)
        change(document)
        return json.dumps(document).encode()

    return edit


DAMAGED: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", r"is not JSON: Expecting value"),
    "half": (lambda content: content[:5000], r"is not JSON: "),
    "binary": (lambda _: b"\x80\x02}q\x00.", r"is not JSON: it is no text in UTF-8"),
    "a list": (lambda _: b"[1]", r"is not a costlab document: it has no schema of ours"),
    "a number": (lambda _: b"1" * 5000, r"is not JSON: "),
    "foreign": (lambda _: b'{"schema": "other/1"}', r"is not a costlab document"),
    "no schema": (lambda _: b"{}", r"is not a costlab document"),
    "nested": (lambda _: b"[" * 100_000, r"is not JSON: "),
    "future": (
        edited(lambda document: document.update(schema="costlab.report/2")),
        r"is of schema costlab.report/2, which is newer than this costlab .*; update costlab",
    ),
    "another kind": (
        edited(lambda document: document.update(schema="costlab.list/1")),
        r"is of schema costlab.list/1, which `costlab show` cannot read",
    ),
    "a key missing": (
        edited(lambda document: document.pop("total")),
        r"the report is damaged: KeyError: 'total'",
    ),
    "no blocks": (
        edited(lambda document: document.update(blocks=None)),
        r"the report is damaged: TypeError",
    ),
    "a wrong total": (
        edited(lambda document: document["total"].update(macs=5)),
        r"its total of macs is 5, and its blocks add up to 5713216096",
    ),
    "a block edited": (
        edited(lambda document: document["blocks"][0]["children"][0].update(own_macs=7)),
        r"its total of macs is 5713216096, and its blocks add up to",
    ),
    "text for a count": (
        edited(lambda document: document["blocks"][0].update(calls="one")),
        r"a count of Conv2d_1a_3x3 is 'one', which is no count",
    ),
    "a negative depth": (
        edited(lambda document: document["total"].update(depth=-1)),
        r"the total depth is -1, which is no count",
    ),
    "a number for a name": (
        edited(lambda document: document.update(model=5)),
        r"the heading is 5, which is no text",
    ),
    "neither yes nor no": (
        edited(lambda document: document.update(complete="maybe")),
        r"complete is 'maybe', which is neither true nor false",
    ),
    "a wrong shape": (
        edited(lambda document: document["blocks"][0].update(outputs=["f32[x]"])),
        r"the report is damaged: UsageError: cannot read the input spec",
    ),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_report(
    costlab: Costlab, saved: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    """A file that is damaged or none of ours is named, with what is wrong and what would help."""
    saved.write_bytes(damage(saved.read_bytes()))
    found = costlab("show", str(saved))
    assert (found.code, found.out) == (2, "")
    assert "defect" not in found.err
    assert re.search(rf"^error: .*saved\.json:? .*{message}", found.err, re.MULTILINE), found.err
    assert "costlab report MODEL --format json:FILE" in found.err or "of schema" in message


def test_what_cannot_be_read(costlab: Costlab, tmp_path: Path) -> None:
    """A missing file and a folder are told as the system tells them."""
    assert "No such file or directory" in costlab("show", str(tmp_path / "absent.json")).err
    assert "Is a directory" in costlab("show", str(tmp_path)).err


def test_a_byte_order_mark_is_no_damage(costlab: Costlab, saved: Path) -> None:
    """Some shells begin a redirected file with one."""
    saved.write_bytes(b"\xef\xbb\xbf" + saved.read_bytes())
    assert costlab("show", str(saved)).code == 0


BROKEN = ("report", "net.py:Broken", "-i", IMAGE, "--format", "json:a.json")


@pytest.mark.parametrize("form", FORMATS)
def test_a_report_that_is_not_complete(costlab: Costlab, desk: Path, form: str) -> None:
    """It is shown, which is all that was asked; stderr says what its numbers are of."""
    del desk
    assert costlab(*BROKEN).code == 2
    found = costlab("show", "a.json", "--format", form)
    assert found.code == 0
    assert found.out
    assert found.err.startswith(
        "warning: a.json is the report of a forward that stopped before its end: its totals are "
        "of what ran until then\n"
    )
    # Where it stopped is in the table, and beside what is none.
    assert "body.wide" in (found.out if form == "text" else found.err)
    assert costlab("show", "a.json", "--format", form, "--quiet") == (0, found.out, "")


def test_a_lower_bound_is_shown_with_its_warning(costlab: Costlab, desk: Path) -> None:
    """A complete report with unknown operations says so once: in the table, or beside it."""
    del desk
    costlab("report", "net.py:Sorted", "-i", "f32[4,4]", "--format", "json:a.json")
    assert costlab("show", "a.json").err == ""
    assert costlab("show", "a.json", "--format", "csv").err.count("lower bound") == 1
