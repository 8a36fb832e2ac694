"""Whatever is typed, there is an exit code and never a traceback of costlab's."""

import contextlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costlab.cli import main
from tests.cli.models import NET

WORDS = (
    "report", "list", "show", "inception_v3", "net.py:Nothing", "net.py:Net", "net.py:Broken",
    "net:make", "net.py:make(4)", "net.py:number", "torch.nn:Linear(3, 2)", "saved.json", "net.py",
    "--input", "-i", "f32[1,3,8,8]", "x=f32[1,3,8,8]", "f32[2,3]", "i64[]", "f32[-1]", "--mode",
    "train", "eval", "--depth", "auto", "0", "1", "3", "--module", "**", "*", "fc", "[", "[!]",
    "[]", "Mixed_7?", "--sort", "macs", "macs:asc", "share", "output", "params:", "--top",
    "--columns", "macs,share", "pooling.flops", "kind", ",", "--units", "exact", "--strict",
    "--format", "json", "csv", "json:out.json", "html:out.html", "text:", "markdown", "csv:folder",
    "--color", "always", "--accessible", "--debug", "--help", "-h", "--version", "--", "-", "=",
    "--format=json", "--depth=2", "--top=1", "-if32[1,3,8,8]", "--quiet", "--verbose", "-q", "-v",
    "schema", "report/1",
)  # fmt: skip
# Neither `--install-completion`, which writes to the user's shell, nor a prefix of it.
ANYTHING = st.text(max_size=12).filter(lambda text: not text.startswith("--"))


@pytest.fixture(scope="module", autouse=True)
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder to make a mess in, with a model and a saved report."""
    desk = tmp_path_factory.mktemp("fuzz")
    (desk / "folder").mkdir()
    (desk / "net.py").write_text(NET, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        assert (
            run(["report", "net.py:Net", "-i", "f32[1,3,8,8]", "--format", "json:saved.json"])[0]
            == 0
        )
        yield


def run(arguments: list[str]) -> tuple[int, str, str]:
    """The exit code, and what was written to the two streams."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        main(arguments)
    assert isinstance(end.value.code, int)
    return end.value.code, out.getvalue(), err.getvalue()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(
    st.sampled_from(
        [[], ["report"], ["report", "net.py:Net"], ["show", "saved.json"], ["list"], ["schema"]]
    ),
    st.lists(st.sampled_from(WORDS) | ANYTHING, max_size=6),
)
def test_any_arguments(begin: list[str], words: list[str]) -> None:
    """The code is 0, 1 or 2; a failure is one message on stderr and never a defect."""
    code, out, err = run([*begin, *words])
    assert code in {0, 1, 2}
    assert "a defect of costlab" not in err
    if "--debug" not in words:
        assert "Traceback" not in err
    if code:
        assert "error: " in err
    if code == 0 and out.startswith("{"):
        json.loads(out)
    assert not list(Path().glob(".costlab-*"))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(max_size=20).filter(lambda text: os.sep not in text))
def test_any_input(text: str) -> None:
    """Whatever stands where a spec should be is refused with a caret, or is one."""
    code, out, err = run(["report", "torch.nn:Identity", "--input", text])
    assert code == 0 or (not out and "a defect" not in err and "Traceback" not in err)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text("*?[]!.-abMixed_7\\^&|", max_size=12))
def test_any_glob(glob: str) -> None:
    """Whatever stands where a glob should be matches, or is said not to."""
    code, _, err = run(["show", "saved.json", "--module", glob])
    assert code == 0 or "no module matches" in err or "cannot read the module glob" in err
