"""A report by operation and by kind: every cost in one row, whatever is asked for."""

import pytest

from costlab.blocks import Block, OpTally
from costlab.cost import METRICS, Cost
from costlab.errors import UsageError
from costlab.render.groups import By
from costlab.render.table import Table
from costlab.render.views import Show, report_table
from costlab.report import Covered, Report, Total, Unknown

CONV = OpTally("conv2d", "convolution", 1, 100, 900, 1800, 4000)
RELU = OpTally("relu", "activation", 1, 100, 0, 100, 800)
VIEW = OpTally("view", "view", 2, 200, 0, 0, 0)
SCAN = OpTally("my_ops::scan", "unknown", 1, 70, 0, 0, 560)


def conv(path: str) -> Block:
    """A convolution with 9 weights."""
    return Block(path, "Conv2d", Cost(900, 1800, 9, 9, 100, 4000), (), 1, (), (CONV,))


ROOT = Block(
    "",
    "Net",
    Cost(flops=100, bytes=800 + 560),
    (
        Block("a", "Unit", Cost(flops=100, bytes=800), (conv("a.conv"),), 1, (), (RELU,)),
        Block("b", "Unit", Cost(flops=100, bytes=800), (conv("b.conv"),), 1, (), (RELU, VIEW)),
        Block("c", "Linear", Cost(params=5), (), 0),
        Block("d", "ModuleList", Cost(), (conv("d.0"),)),
    ),
    1,
    (),
    (RELU, SCAN),
)
REPORT = Report(
    "net",
    "eval",
    ("f32[1]",),
    Total(**{name: getattr(ROOT.cost, name) for name in METRICS}, peak_activation_bytes=0, depth=1),
    Covered(6, 2, (Unknown("my_ops::scan", "", 1, 70),)),
    ROOT,
    {},
)


def table(by: By, **asked: object) -> Table:
    """The table by operation or kind."""
    return report_table(REPORT, Show(by=by, **asked))  # type: ignore[arg-type]  # fields of Show


def columns(found: Table) -> dict[str, list[object]]:
    """The cells of each column."""
    return {
        column.key: [row.cells[index] for row in found.rows]
        for index, column in enumerate(found.columns)
    }


def test_by_operation() -> None:
    """The dearest first, unknown ones last with what they wrote, and the total below."""
    found = columns(table("op"))
    assert found["op"] == ["conv2d", "relu", "view", "my_ops::scan", "total"]
    assert found["calls"] == [3, 3, 2, 1, 9]
    assert found["macs"] == [3 * 900, 0, 0, None, 3 * 900]
    assert found["flops"] == [3 * 1800, 300, 0, None, ROOT.cost.flops]
    assert found["elements"] == [300, 300, 200, 70, 870]
    assert found["bytes"] == [3 * 4000, 3 * 800, 0, 560, ROOT.cost.bytes]
    assert found["share"] == [1.0, 0.0, 0.0, None, 1.0]


def test_by_kind() -> None:
    """A cost stands at the class of the innermost module; those that do nothing have no row."""
    found = columns(table("kind"))
    assert found["kind"] == ["Conv2d", "Unit", "Net", "Linear", "total"]
    assert found["modules"] == [3, 2, 1, 1, 7]
    assert found["params"] == [27, 0, 0, 5, 32]
    assert found["macs"] == [2700, 0, 0, None, 2700]
    assert found["activations"] == [300, 0, 0, None, 300]


@pytest.mark.parametrize("top", [None, 1, 2, 9])
@pytest.mark.parametrize("by", ["op", "kind"])
def test_rows_add_up(by: By, top: int | None) -> None:
    """Whatever is left out is in a row, and the rows add up to the report's totals."""
    found = columns(table(by, top=top))
    for name in ("macs", "flops", "bytes"):
        *parts, total = found[name]
        assert sum(part for part in parts if isinstance(part, int)) == total
        assert total == getattr(REPORT.total, name)


def test_top_never_hides_what_is_unknown() -> None:
    """The largest, the others in one row, and the operation that nobody can price."""
    assert columns(table("op", top=1))["op"] == ["conv2d", "and 2 more", "my_ops::scan", "total"]


def test_order() -> None:
    """By any number, in either direction."""
    found = columns(table("op", sort="bytes", ascending=True))["op"]
    assert found == ["view", "relu", "conv2d", "my_ops::scan", "total"]
    assert columns(table("kind", sort="params"))["kind"][:2] == ["Conv2d", "Linear"]


def test_some_modules() -> None:
    """Only what the modules named do, and all below them."""
    found = columns(table("op", modules=("a", "b.*")))
    assert found["op"] == ["conv2d", "relu", "total matched"]
    assert found["calls"] == [2, 1, 3]


def test_columns_of_ones_choice() -> None:
    """A kind has the columns of blocks, those of families too."""
    found = columns(table("kind", columns=("bytes", "convolution.calls")))
    assert list(found) == ["kind", "bytes", "convolution.calls"]
    assert found["convolution.calls"] == [3, 0, 0, None, 3]


@pytest.mark.parametrize(
    ("by", "asked", "message"),
    [
        ("op", {"columns": ("params",)}, "no column 'params' by op"),
        ("op", {"columns": ("macss",)}, "Did you mean macs"),
        ("kind", {"columns": ("output",)}, "no column 'output' by kind"),
        ("op", {"sort": "family"}, "cannot sort by 'family'"),
        ("kind", {"modules": ("z",)}, "no module matches 'z'"),
    ],
)
def test_what_cannot_be_shown(by: By, asked: dict[str, object], message: str) -> None:
    """A column that has no meaning here is refused, with those that have one."""
    with pytest.raises(UsageError, match=message):
        table(by, **asked)
