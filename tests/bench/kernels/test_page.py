"""docs/kernels.md says what is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from costlab.bench.kernels.device import __doc__ as device
from tests.bench.kernels.pages import LINES, RATES, in_parts, scratch_mb, singles, table

PAGE = (Path(__file__).parents[3] / "docs" / "kernels.md").read_text(encoding="utf-8")
KERNELS = ("conv_bn_relu", "partial_sums", "added_bn_relu", "side_by_side", "conv_and_pool",
           "between_in_cache", "between_in_shared")  # fmt: skip


TABLES = {"pairs": table, "launches": singles, "parts": in_parts}


@pytest.mark.parametrize("name", list(TABLES))
def test_the_tables_are_computed(name: str) -> None:
    """The predictions of the page follow from the shapes and the rates that it names."""
    shown = PAGE.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0].strip()
    assert shown == TABLES[name]()


def test_the_rates() -> None:
    """The page says of which rates and tiles they are."""
    assert f"{RATES.flops_per_s / 1e12:g} TFLOP/s and {RATES.bytes_per_s / 1e12:g} TB/s" in PAGE
    assert f"tiles of {LINES} lines" in PAGE
    assert f"at most {scratch_mb():.0f} MB" in PAGE


def test_every_kernel_is_on_the_page() -> None:
    """Each kernel of the package has its row."""
    assert device
    folder = Path(__file__).parents[3] / "costlab" / "bench" / "kernels" / "device"
    source = "".join(file.read_text(encoding="utf-8") for file in folder.glob("*.py"))
    for name in KERNELS:
        assert f"def {name}(" in source
        assert f"| `{name}` |" in PAGE
