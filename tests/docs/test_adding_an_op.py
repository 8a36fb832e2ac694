"""The page on adding an operation does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import costlab
from tests.ops.installing import package

PAGE = Path(__file__).parents[2] / "docs" / "adding-an-op.md"


TRITON = re.compile(r"^## A kernel in Triton's language$(.*?)(?=^## )", re.DOTALL | re.MULTILINE)
"""The section whose kernel Triton compiles, or interprets."""


def blocks(*, of_triton: bool = False) -> list[str]:
    """The Python blocks of the page, without the section on Triton, or of that alone."""
    page = PAGE.read_text(encoding="utf-8")
    (section,) = TRITON.findall(page)
    text = section if of_triton else TRITON.sub("", page)
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


COMPUTED = """
x, model = torch.rand(4, 16), Product()
torch.testing.assert_close(model(x), x @ model.weight)
for on in ("meta", "fake", "real"):
    assert costlab.analyze(model, x, ops=priced, on=on).total == report.total
print("true")
"""
"""After the section on Triton: its kernel computes what its rule says."""


def interpreted(program: str, path: Path) -> subprocess.CompletedProcess[str]:
    """A program run from a file, whose kernels Triton interprets."""
    path.write_text(program, encoding="utf-8")
    return subprocess.run(
        [sys.executable, path],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
def test_the_section_on_triton_runs_as_it_stands(tmp_path: Path) -> None:
    """Its kernel multiplies, on shapes it is counted without being run, and the page is right."""
    program = "\n".join(blocks(of_triton=True)) + COMPUTED
    done = interpreted(program, tmp_path / "page.py")
    assert done.stdout == "true\n", done.stderr
    wrong = program.replace("macs=x.shape[0] * inputs", "macs=inputs")
    assert "AssertionError" in interpreted(wrong, tmp_path / "wrong.py").stderr


def test_the_page_runs_as_it_stands() -> None:
    """Every block of the page runs, one after the other, and its assertions hold."""
    namespace: dict[str, object] = {}
    for block in blocks():
        exec(block, namespace)  # noqa: S102 - the page is ours
    assert "report" in namespace


def test_a_false_statement_on_the_page_would_be_found() -> None:
    """The guard can fail: with another cost in the rule, the page's own assertion fails."""
    source = "\n".join(blocks()).replace("macs=elements * inputs", "macs=elements")
    source = source.replace("dyadic::", "dyadic_false::")
    with pytest.raises(AssertionError):
        exec(source, {})  # noqa: S102 - as above


def test_the_entry_point_of_the_page_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package with the page's entry point and its rule prices the page's model by itself."""
    (declared,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    points: dict[str, str] = tomllib.loads(declared)["project"]["entry-points"]["costlab.ops"]
    (module,) = {value.partition(":")[0] for value in points.values()}
    begin, _, rule, end = [block.replace("dyadic::", "dyadic_told::") for block in blocks()]
    names: dict[str, object] = {}
    exec(begin, names)  # noqa: S102 - as above
    model = names["Model"]
    assert isinstance(model, type)
    source = "import torch\n" + rule.partition("report = ")[0] + end
    with package(tmp_path, monkeypatch, module, source, points):
        report = costlab.analyze(model(), "f32[2,10,16]", strict=True)
    assert report.total.macs == 2 * 10 * 16 * 16
    assert report.versions[module] == "1.2"
