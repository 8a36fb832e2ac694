"""Formats and files: what is written where, and what is left where it cannot be."""

import csv
import io
import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Costlab
from tests.cli.models import IMAGE

FORMATS = ("text", "json", "csv", "markdown", "html")
SMALL = ("report", "net.py:Net", "--input", IMAGE)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_holds_what_stdout_shows(costlab: Costlab, desk: Path, form: str) -> None:
    """Each format is the same on stdout and in a file; with a file alone, stdout stays empty."""
    shown = costlab(*SMALL, "--format", form)
    assert shown.code == 0
    written = costlab(*SMALL, "--format", f"{form}:report.out")
    assert (written.code, written.out) == (0, "")
    assert (desk / "report.out").read_text(encoding="utf-8") == shown.out


@pytest.mark.parametrize("form", FORMATS)
def test_the_formats_look_as_they_should(costlab: Costlab, desk: Path, form: str) -> None:
    """Each format begins as its readers expect, and is not spoilt by what the model prints."""
    del desk
    shown = costlab(*SMALL, "--format", form)
    begins = {
        "text": "net.py:Net · eval · f32[1,3,8,8]\n",
        "json": '{\n "schema": "costlab.report/1"',
        "csv": "block,output,params,macs,",
        "markdown": "**net.py",
        "html": '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
    }
    assert shown.out.startswith(begins[form])
    assert "chatter" not in shown.out
    for chatter in ("of the import", "of the forward"):
        assert f"chatter {chatter}" in shown.err


def test_several_at_once(costlab: Costlab, desk: Path) -> None:
    """One format on stdout and any number in files, from one analysis."""
    found = costlab(*SMALL, "--format", "csv", "--format", "json:a.json", "--format", "html:a.html")
    assert found.out.startswith("block,")
    assert json.loads((desk / "a.json").read_text(encoding="utf-8"))["model"] == "net.py:Net"
    assert (desk / "a.html").read_text(encoding="utf-8").startswith("<!doctype")
    assert sorted(path.name for path in desk.glob("[!_]*")) == ["a.html", "a.json", "net.py"]


def test_a_new_file_has_the_usual_permissions(costlab: Costlab, desk: Path) -> None:
    """A new file may be read as others are; a replaced one keeps its permissions."""
    (desk / "touched").touch()
    target = desk / "a.json"
    costlab(*SMALL, "--format", "json:a.json")
    assert target.stat().st_mode == (desk / "touched").stat().st_mode
    target.chmod(0o640)
    costlab(*SMALL, "--format", "json:a.json")
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(costlab: Costlab, desk: Path) -> None:
    """What a link points to is written, not the link replaced."""
    (desk / "real.json").write_text("old", encoding="utf-8")
    (desk / "link.json").symlink_to("real.json")
    assert costlab(*SMALL, "--format", "json:link.json").code == 0
    assert (desk / "link.json").is_symlink()
    assert (desk / "real.json").read_text(encoding="utf-8").startswith("{")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing/a.json", "No such file or directory"),
        ("net.py/a.json", "Not a directory"),
        ("folder", "it is a directory; name a file in it"),
        ("n" * 300, "File name too long"),
    ],
)
def test_what_cannot_be_written(costlab: Costlab, desk: Path, path: str, reason: str) -> None:
    """An unwritable path is named with its reason; the other formats are written all the same."""
    (desk / "folder").mkdir()
    found = costlab(
        *SMALL, "--format", f"json:{path}", "--format", "csv:good.csv", "--format", "text"
    )
    assert found.code == 2
    assert f"error: cannot write {path}: {reason}" in found.err
    assert found.out.startswith("net.py:Net")
    assert (desk / "good.csv").exists()
    assert sorted(path.name for path in desk.glob("[!_]*")) == ["folder", "good.csv", "net.py"]
    assert not list(desk.glob(".*"))
    assert not list((desk / "folder").iterdir())


def test_a_failed_write_leaves_the_old_file(
    costlab: Costlab, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk fills up, the file is as it was, and nothing is left beside it."""
    (desk / "a.json").write_text("as it was", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    found = costlab(*SMALL, "--format", "json:a.json")
    assert found.code == 2
    assert "cannot write a.json: No space left on device; nothing was changed" in found.err
    assert (desk / "a.json").read_text(encoding="utf-8") == "as it was"
    assert not list(desk.glob(".*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has /dev/full")
def test_a_device_is_written_through(costlab: Costlab, desk: Path) -> None:
    """A device is not replaced by a file; that it is full is told."""
    del desk
    found = costlab(*SMALL, "--format", "json:/dev/full")
    assert "cannot write /dev/full: No space left on device" in found.err
    assert costlab(*SMALL, "--format", f"json:{os.devnull}").code == 0
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize("second", ["csv:a.out", "csv:./a.out", "csv:link"])
def test_two_formats_in_one_file(costlab: Costlab, desk: Path, second: str) -> None:
    """One file cannot hold two formats, by whatever name it goes."""
    (desk / "link").symlink_to("a.out")
    found = costlab(*SMALL, "--format", "json:a.out", "--format", second)
    assert (found.code, found.out) == (2, "")
    assert "two formats cannot share the file" in found.err
    assert not (desk / "a.out").exists()


def test_nothing_is_written_for_a_wrong_column(costlab: Costlab, desk: Path) -> None:
    """A request that cannot be met as a whole leaves nothing half done."""
    found = costlab(*SMALL, "--columns", "mac", "--format", "json:a.json", "--format", "csv")
    assert (found.code, found.out) == (2, "")
    assert not (desk / "a.json").exists()


def test_written_also_when_refused(costlab: Costlab, desk: Path) -> None:
    """A strict report that is refused is written first, so that one can see why."""
    found = costlab(
        *("report", "net.py:Sorted", "--input", "f32[4,4]", "--strict"),
        *("--format", "json:a.json", "--format", "text"),
    )
    assert found.code == 2
    assert "the total is a lower bound: no rule prices " in found.err
    assert "docs/adding-an-op.md" in found.err
    assert "warning: unknown: " in found.out
    assert json.loads((desk / "a.json").read_text(encoding="utf-8"))["coverage"]["unknown"]
    assert costlab("report", "net.py:Sorted", "--input", "f32[4,4]").code == 0


def test_hostile_names(costlab: Costlab, desk: Path) -> None:
    """A module's name keeps to its cell in every format, and acts on nothing."""
    hostile = ("report", "net.py:Hostile", "--input", "f32[1,4]", "--no-fold")
    for form in FORMATS:
        costlab(*hostile, "--format", f"{form}:out.{form}")
    texts = {form: (desk / f"out.{form}").read_text(encoding="utf-8") for form in FORMATS}
    assert all("\x1b" not in text for text in texts.values())
    assert "<b>" not in texts["html"]
    assert r"a\nb" in texts["text"]
    assert "[bold]m[/bold]" in texts["text"]
    assert len(texts["csv"].splitlines()) == 7 + 2
    assert "| p|q" not in texts["markdown"]
    paths = [block["path"] for block in json.loads(texts["json"])["blocks"]]
    assert paths[:3] == ["a\nb", "e\x1b[31mred", "p|q"]


def test_a_hostile_name_can_be_asked_for(costlab: Costlab, desk: Path) -> None:
    """Each path is a glob that matches itself."""
    del desk
    for name in ("[bold]m[/bold]", "a\nb"):
        found = costlab("report", "net.py:Hostile", "--input", "f32[1,4]", "--module", name)
        assert "1 matched" in found.out


def test_a_name_that_is_no_text(costlab: Costlab, desk: Path) -> None:
    """A folder whose name is not UTF-8 is written as an escape, which JSON reads again."""
    odd = desk / os.fsdecode(b"\xff")
    odd.mkdir()
    (odd / "net.py").write_text((desk / "net.py").read_text(encoding="utf-8"), encoding="utf-8")
    model = f"{odd.name}/net.py:Net"
    assert costlab("report", model, "--input", IMAGE, "--format", "json:a.json").code == 0
    assert json.loads((desk / "a.json").read_text(encoding="utf-8"))["model"] == model
    assert costlab("show", "a.json").code == 0


def test_nothing_to_show(costlab: Costlab, desk: Path) -> None:
    """A model without blocks, parameters or operations is a table of its total."""
    del desk
    for form in FORMATS:
        assert costlab("report", "net.py:Nothing", "--input", IMAGE, "--format", form).code == 0
    text = costlab("report", "net.py:Nothing", "--input", IMAGE).out
    assert "0 MACs · 0 FLOPs · 0 params" in text


def test_a_lower_bound_is_said_beside_every_format(costlab: Costlab, desk: Path) -> None:
    """Where no table says that the total is a lower bound, stderr does."""
    asked = ("report", "net.py:Sorted", "--input", "f32[4,4]")
    assert "lower bound" in costlab(*asked, "--format", "csv").err
    assert "lower bound" in costlab(*asked, "--format", "json:lb.json").err
    assert "lower bound" not in costlab(*asked).err
    assert (desk / "lb.json").exists()


def test_a_family_that_a_network_lacks_reads_as_zero(costlab: Costlab, desk: Path) -> None:
    """A column of a known family is a column of every network."""
    found = costlab(*SMALL, "--columns", "pooling.flops", "--format", "csv")
    assert (found.code, desk.exists()) == (0, True)
    rows = list(csv.DictReader(io.StringIO(found.out)))
    assert {row["pooling.flops"] for row in rows} == {"0"}
