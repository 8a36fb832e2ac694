"""What an exported program may be given: counted where torch runs it, refused where torch does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from costlab import analyze, sources
from costlab.cli import main
from costlab.errors import CostlabError, UsageError
from tests.sources.programs import reported, saved
from tests.sources.sized import (
    BATCH,
    DIM,
    Layer,
    Loops,
    Nested,
    Pair,
    Parity,
    Quarters,
    Scaled,
    outcome,
    rows,
)

if TYPE_CHECKING:
    from pathlib import Path

Case = tuple[nn.Module, tuple[Any, ...], Any, list[tuple[Any, ...]]]
CASES: dict[str, Case] = {
    "fixed": (Loops(), rows(3), None, [rows(3), rows(2), rows(6), rows(1), (torch.zeros(3, 5),)]),
    "axes": (Layer(), rows(3), None, [(torch.zeros(4),), (torch.zeros(1, 3, 4),)]),
    "range": (Layer(), rows(6), ({0: BATCH},), [rows(n) for n in (1, 2, 3, 64, 65)]),
    "free": (Layer(), rows(6), ({0: DIM.AUTO},), [rows(n) for n in (0, 1, 2, 1000)]),
    "same": (Pair(), rows(6, 6), ({0: BATCH}, {0: BATCH}), [rows(5, 5), rows(5, 6), rows(6, 5)]),
    "one more": (Pair(), rows(6, 7), ({0: BATCH}, {0: BATCH + 1}),
                 [rows(5, 6), rows(5, 5), rows(64, 65), rows(65, 66), rows(7, 6)]),
    "multiple": (Quarters(), rows(12), ({0: 4 * DIM("part", min=3, max=9)},),
                 [rows(n) for n in (8, 12, 14, 36, 40)]),
    "condition": (Parity(), rows(6), ({0: DIM.AUTO},), [rows(n) for n in (4, 5, 6, 7, 100)]),
    "values": (Scaled(), (*rows(2), 3, 2.0), None,
               [(*rows(2), 3, 2.0), (*rows(2), 4, 2.0), (*rows(2), 3, 2.5), (*rows(2), 3, True)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_program_takes_what_torch_takes(name: str, tmp_path: Path) -> None:
    """Each input that torch's own checks refuse is refused, and no other; the rest costs its due.

    The oracle is the program that torch runs, and the model for what those inputs cost.
    """
    model, example, shapes, trials = CASES[name]
    model = model.eval()
    program = saved(tmp_path / "net.pt2", model, example, dynamic_shapes=shapes)
    read = sources.find(str(tmp_path / "net.pt2")).build()
    runs = program.module()
    for given in (example, *trials):
        theirs = outcome(
            lambda given=given: runs(*given), (AssertionError, RuntimeError, ValueError)
        )
        ours = outcome(lambda given=given: analyze(read, given, mode="eval"), (CostlabError,))
        assert ours == theirs, (name, given)
        if ours:
            mine = analyze(read, given, mode="eval").total
            assert mine == analyze(model, given, mode="eval").total, given


def test_conditions_on_inputs_in_dicts_and_tuples(tmp_path: Path) -> None:
    """They are found by torch's names for them: `rows[1]`, `told['by'][0]`."""
    given: tuple[Any, ...] = rows(6, 9)
    named = {"told": {"by": [torch.zeros(4, 4)]}}
    shapes = {"rows": ({0: DIM.AUTO}, {0: DIM.AUTO}), "told": {"by": [{0: DIM.AUTO}]}}
    program = saved(tmp_path / "net.pt2", Nested(), given, named, dynamic_shapes=shapes)
    runs = program.module()
    path = tmp_path / "net.pt2"
    for second, third in ((9, 4), (12, 2), (10, 4), (9, 3)):
        theirs = outcome(
            lambda a=second, b=third: runs(*rows(6, a), told={"by": [torch.zeros(b, 4)]}),
            (AssertionError, RuntimeError),
        )
        specs = ("f32[6,4]", f"f32[{second},4]", f"told={{by: [f32[{third},4]]}}")
        assert outcome(lambda s=specs: reported(path, *s), (CostlabError,)) == theirs, specs


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("fixed", rows(6),
         r"input x is f32\[6,4\], and the program fixes the size 3 of its axis 0, as it was"),
        ("fixed", rows(2), r"for f32\[3,4\]; give that size, or export it with dynamic_shapes"),
        ("axes", (torch.zeros(4),), r"the input x is f32\[4\].* exported for f32\[3,4\]; give as"),
        ("range", rows(65), r"x is f32\[65,4\], and the program takes 3 to 64 on its axis 0; give"),
        ("same", rows(5, 6), r"y is f32\[6,4\].* size 5 on its axis 0 where axis 0 of x is 5"),
        ("one more", rows(5, 5), r"y is f32\[5,4\].* size 6 on its axis 0 where axis 0 of x is 5"),
        ("multiple", rows(14), r"the input x is f32\[14,4\].* takes sizes 4\*s\d+ on its axis 0"),
        ("multiple", rows(40), r"takes 4\*(s\d+), with \1 3 to 9 on its axis 0"),
        ("condition", rows(7), r"holds only where x\.size\(\)\[0\] % 2 == 0, and x is f32\[7,4\]"),
        ("values", (*rows(2), 4, 2.0), "the input times is 4, and the program fixes it at 3; give"),
    ],
)  # fmt: skip
def test_the_error_says_what_does_not_fit(
    name: str, given: tuple[Any, ...], told: str, tmp_path: Path
) -> None:
    """The input, the axis, what the program takes there, and what can be done."""
    model, example, shapes, _ = CASES[name]
    saved(tmp_path / "net.pt2", model.eval(), example, dynamic_shapes=shapes)
    with pytest.raises(UsageError, match=told):
        analyze(sources.find(str(tmp_path / "net.pt2")).build(), given, mode="eval")


def test_the_command_refuses_another_size(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`costlab report` ends with 2; without an input it counts at the sizes of the export."""
    path = str(tmp_path / "net.pt2")
    saved(tmp_path / "net.pt2", Loops(), rows(3))
    with pytest.raises(SystemExit) as ended:
        main(["report", path, "--input", "f32[6,4]"])
    assert ended.value.code == 2
    assert "fixes the size 3 of its axis 0" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(SystemExit) as done:
        main(["report", path])
    assert done.value.code == 0
    assert "48 MACs" in capsys.readouterr().out
