"""What is said of parameters below a table: names where there are few, patterns where many."""

from collections.abc import Iterable

import pytest

from costlab.blocks import Block
from costlab.cost import METRICS, Cost
from costlab.graph import TensorSpec
from costlab.parameters import Buffers, Parameters, Weight
from costlab.render.parameters import parameter_notes, parameters_table
from costlab.report import Covered, Report, Total


def weight(path: str, *aliases: str, executed: bool = True, trainable: bool = True) -> Weight:
    """A vector of 100 elements."""
    return Weight(path, (100,), (TensorSpec((100,)),), executed, trainable, aliases)


def report(weights: Iterable[Weight], buffers: Buffers | None = None) -> Report:
    """A report on a model of one level that holds these."""
    each = tuple(weights)
    owners: dict[str, list[Weight]] = {}
    for one in each:
        owners.setdefault(one.path.rpartition(".")[0], []).append(one)
    blocks = tuple(
        Block(
            owner,
            "Part",
            Cost(
                params=sum(one.elements for one in held),
                params_executed=sum(one.elements for one in held if one.executed),
            ),
        )
        for owner, held in owners.items()
    )
    root = Block("", "Net", Cost(), blocks, 1)
    total = Total(
        **{name: getattr(root.cost, name) for name in METRICS}, peak_activation_bytes=0, depth=1
    )
    parameters = Parameters(each, buffers or Buffers())
    return Report("net", "eval", (), total, Covered(0, 0), root, {}, parameters=parameters)


CASES: dict[str, tuple[list[Weight], list[str]]] = {
    "nothing": ([], []),
    "plain": ([weight("a.w")], ["Parameters: 400 B float32."]),
    "frozen": (
        [weight("a.w"), weight("a.b", trainable=False)],
        ["Parameters: 800 B float32 · 100 frozen."],
    ),
    "all frozen": ([weight("a.w", trainable=False)], ["Parameters: 400 B float32 · all frozen."]),
    "tied": (
        [weight("table.w", "head.w")],
        ["Parameters: 400 B float32.", "Tied, counted once: table.w = head.w (100)."],
    ),
    "a tied module": (
        [weight("a.conv.w", "b.conv.w"), weight("a.conv.b", "b.conv.b")],
        ["Parameters: 800 B float32.", "Tied, counted once: a = b (2 parameters, 200)."],
    ),
    "tied many times": (
        [weight("h.0.w", *(f"h.{n}.w" for n in range(1, 12)))],
        [
            "Parameters: 400 B float32.",
            "Tied, counted once: h.0.w = h.1.w = h.2.w = 9 more (100).",
        ],
    ),
    "a module that never ran": (
        [weight("a.w"), weight("aux.w", executed=False), weight("aux.b", executed=False)],
        ["Parameters: 1.17 KiB float32.", "Never executed in eval mode: aux."],
    ),
    "a part of a module": (
        [weight("a.w"), weight("a.b", executed=False)],
        ["Parameters: 800 B float32.", "Never executed in eval mode: a.b."],
    ),
    "many modules": (
        [weight(f"h.{n}", executed=n < 1) for n in range(20)],
        [
            "Parameters: 7.81 KiB float32.",
            "Never executed in eval mode: h.* (19).",
        ],
    ),
    "many names": (
        [weight("a.w"), *(weight(f"a.{name}", executed=False) for name in "bcdefghijk")],
        [
            "Parameters: 4.30 KiB float32.",
            "Never executed in eval mode: a.b, a.c, a.d, a.e, a.f, a.g, a.h, a.i and 2 more.",
        ],
    ),
}


@pytest.mark.parametrize(("weights", "notes"), CASES.values(), ids=CASES)
def test_notes(weights: list[Weight], notes: list[str]) -> None:
    """A sentence for each thing that there is to say, and none for what there is not."""
    assert list(parameter_notes(report(weights))) == notes


def test_types_and_buffers() -> None:
    """Bytes of each type with their sum, the most first; buffers beside them."""
    half = Weight("a.h", (300,), (TensorSpec((300,), "float16"),))
    (note,) = parameter_notes(report([weight("a.w"), half], Buffers(2, 64, 256)))
    assert note == (
        "Parameters: 600 B float16 + 400 B float32 = 1000 B · buffers: 256 B, 64 elements."
    )


@pytest.mark.parametrize("top", [None, 1, 2, 9])
def test_the_list_adds_up(top: int | None) -> None:
    """Whatever is left out is in a row, and the rows add up to the last."""
    each = [weight("a.w"), weight("b.w", "c.w"), Weight("d", (7, 2), (TensorSpec((14,), "int8"),))]
    table = parameters_table(report(each), top=top)
    *rows, total = [row.cells for row in table.rows]
    assert len(rows) == min(top or 3, 3) + (1 if top in (1, 2) else 0)
    for column, whole in ((3, 214), (4, 814)):
        assert sum(cells[column] for cells in rows if isinstance(cells[column], int)) == whole  # type: ignore[misc]  # just asked
        assert total[column] == whole
