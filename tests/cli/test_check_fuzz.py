"""Whatever a file or a model holds, `costlab check` gives a verdict, and 0 only if it is earned."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.cli.test_fuzz import run
from tests.render.checked import HOSTILE
from tests.render.test_hostile import Cells
from tests.render.test_hostile_verdicts import is_command

NET = """\
import json
from pathlib import Path

from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        for name in json.loads((Path(__file__).parent / "names.json").read_bytes()):
            self.add_module(name, nn.Linear(2, 2))

    def forward(self, x):
        for layer in self.children():
            x = layer(x)
        return x
"""
MODEL = '[models.net]\nmodel = "net.py:Net"\ninputs = ["f32[1,2]"]\n'
GROWTH = '[[budgets]]\nid = "g"\nmacs = { max_increase = "50%" }\n'
EACH = '[[budgets]]\nid = "each"\nmodules = ["**"]\nmacs = { max = 3 }\n'
FORMATS = ("json", "junit", "sarif", "github", "gitlab", "markdown", "html", "csv", "text")
BASE = 'value net total "" macs '
MACS = 2 * 2 * 3
"""Multiply-adds of three layers of 2×2."""


@pytest.fixture(scope="module", autouse=True)
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder with a model whose modules are called what a file says."""
    desk = tmp_path_factory.mktemp("check-fuzz")
    (desk / "net.py").write_text(NET, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        yield


def name_modules(names: list[str]) -> None:
    """Calls the modules of the model so."""
    Path("names.json").write_text(json.dumps(names), encoding="utf-8")


@pytest.fixture(scope="module")
def baseline(_desk: None) -> str:
    """The text of the baseline of a model of three layers."""
    name_modules(["a", "b", "c"])
    Path("costlab.toml").write_text(f'baseline = "file:base"\n{MODEL}{GROWTH}', encoding="utf-8")
    Path("base").unlink(missing_ok=True)
    assert run(["baseline", "update"])[0] == 0
    return Path("base").read_text(encoding="utf-8")


PIECES = st.sampled_from([
    *("0", "1", "8", "12", "999", "-", "\n", " ", '"', "\\", "value", "model", "net", "total"),
    *("macs", "eval", "train", "<<<<<<< x\n", "\x00", "\ud800", "schema ", "costlab.baseline/2"),
])  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(at=st.floats(0, 1), length=st.integers(0, 9), put=st.lists(PIECES, max_size=2).map("".join))
def test_a_baseline_passes_only_as_it_was_written(
    baseline: str, at: float, length: int, put: str
) -> None:
    """A damaged file gives no traceback; exit 0 only if its own line allows what was measured."""
    start = int(at * len(baseline))
    text = baseline[:start] + put + baseline[start + length :]
    name_modules(["a", "b", "c"])
    Path("costlab.toml").write_text(f'baseline = "file:base"\n{MODEL}{GROWTH}', encoding="utf-8")
    Path("base").write_text(text, encoding="utf-8", errors="surrogatepass")
    code, out, err = run(["check", "--format", "json"])
    document = json.loads(out)
    assert code == document["exit_code"]
    assert "Traceback" not in err
    assert "defect" not in out + err
    assert len(document["checks"]) + len(document["problems"]) > 0
    values = [line.removeprefix(BASE) for line in text.split("\n") if line.startswith(BASE)]
    # The oracle reads one line by hand, and no other part of the file.
    allowed = len(values) == 1 and values[0].isdecimal() and 3 * int(values[0]) >= 2 * MACS
    if code == 0:
        assert allowed
        assert text.startswith("schema costlab.baseline/1\nconvention ")
    if text == baseline:
        assert code == 0


def test_the_oracle_of_the_baseline_can_refuse(baseline: str) -> None:
    """The same file with a lower value is a failure: what the test above asserts is not empty."""
    name_modules(["a", "b", "c"])
    for value, code in (("12", 0), ("8", 0), ("7", 1)):
        text = baseline.replace(f"{BASE}12", f"{BASE}{value}")
        Path("base").write_text(text, encoding="utf-8")
        assert run(["check"])[0] == code


NAMES = st.lists(
    st.sampled_from([name for name in HOSTILE if name and "." not in name])
    | st.text(min_size=1, max_size=12).filter(lambda name: "." not in name),
    min_size=1,
    max_size=4,
    unique=True,
).filter(lambda names: not any(hasattr(dict, name) for name in names))


@settings(max_examples=60, deadline=None)
@given(names=NAMES)
def test_no_name_of_a_module_hides_or_forges_anything(names: list[str]) -> None:
    """Each module is over its limit, in every format, whatever it is called; nothing is forged."""
    # Names that torch keeps for itself are refused by torch, and are no model.
    name_modules(names)
    Path("costlab.toml").write_text(MODEL + EACH, encoding="utf-8")
    for form in FORMATS:
        Path(f"out.{form}").unlink(missing_ok=True)
    code, out, err = run(["check", *(f"--format={form}:out.{form}" for form in FORMATS)])
    told = {form: Path(f"out.{form}").read_text(encoding="utf-8") for form in FORMATS}
    document = json.loads(Path("out.json").read_bytes().decode("utf-8", "surrogatepass"))
    assert (code, out) == (1, "")
    assert "Traceback" not in err
    assert [one["outcome"] for one in document["checks"]] == ["fail"] * len(names)
    check_formats(told, len(names))


def check_formats(told: dict[str, str], failures: int) -> None:
    """Each text is of its format, tells so many failures, and no command or element of a name's."""
    root: Any = ET.fromstring(told["junit"])  # noqa: S314 - that it parses is what is tested
    assert root.get("failures") == str(failures)
    (log,) = json.loads(told["sarif"])["runs"]
    assert len(log["results"]) == len(json.loads(told["gitlab"])) == failures
    commands = told["github"].removesuffix("\n").split("\n")
    assert len(commands) == failures + 1
    assert all(line.startswith("::error ") for line in commands)
    rows = list(csv.DictReader(io.StringIO(told["csv"])))
    assert [row["outcome"] for row in rows] == ["fail"] * failures
    lines = told["text"].split("\n")
    assert sum(line.startswith("fail ") for line in lines) == failures
    assert told["text"].replace("\n", "").isprintable()
    assert not any(map(is_command, lines))
    for page in (told["html"], MarkdownIt("commonmark").enable("table").render(told["markdown"])):
        cells = Cells()
        cells.feed(page)
        assert not cells.names & {"script", "a", "img", "b", "failure"}
    assert told["markdown"].count("<!--") == 1
