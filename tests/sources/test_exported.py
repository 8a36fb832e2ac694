"""Exported programs: counted as the model that was exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from costlab import analyze, sources
from costlab.cli import main
from costlab.errors import SourceError, TraceError, UsageError
from tests.sources.programs import EXAMPLES, reported, saved

if TYPE_CHECKING:
    from pathlib import Path

    from costlab.report import Report


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "lstm"])
def test_a_program_costs_what_its_model_costs(tmp_path: Path, name: str) -> None:
    """Each total is that of the model, and each block of it that did something has its cost."""
    make, args, kwargs = EXAMPLES[name]
    model = make().eval()
    path = tmp_path / "net.pt2"
    saved(path, model, args, kwargs)
    ours = reported(path)
    args = (args[0],) if not kwargs else args
    inputs = args if not kwargs else ("f32[2,3,8,8]", "scale={by: f32[2,1]}")
    theirs = analyze(model, inputs, mode="eval")
    assert ours.coverage.unknown == ()
    assert ours.total == theirs.total
    mine = {block.path: block for block in ours.root.walk()}
    for block in theirs.root.walk():
        if block.cost.flops and block.calls:
            assert mine[block.path].kind == block.kind, block.path
            assert mine[block.path].cost == block.cost, block.path


def test_inputs_are_those_of_the_export(tmp_path: Path) -> None:
    """Their nesting and names; another batch is counted where the batch may vary."""
    batch = torch.export.Dim("batch")
    make, args, kwargs = EXAMPLES["net"]
    shapes = {"x": {0: batch}, "scale": {"by": {0: batch}}}
    saved(tmp_path / "net.pt2", make().eval(), args, kwargs, dynamic_shapes=shapes)
    once = reported(tmp_path / "net.pt2")
    assert once.inputs == ("f32[2,3,8,8]", "scale={by:f32[2,1]}")
    more = reported(tmp_path / "net.pt2", "scale={by: f32[6,1]}", "x=f32[6,3,8,8]")
    assert more.total.macs == 3 * once.total.macs


def test_too_few_inputs(tmp_path: Path) -> None:
    """What does not fit is told, with what the program takes."""
    make, args, kwargs = EXAMPLES["net"]
    saved(tmp_path / "net.pt2", make().eval(), args, kwargs)
    with pytest.raises(TraceError, match="the program takes 2 inputs, and was given 1"):
        reported(tmp_path / "net.pt2", "f32[2,3,8,8]")
    with pytest.raises(TraceError, match="the program takes x, scale, and no 'y'"):
        reported(tmp_path / "net.pt2", "y=f32[2,3,8,8]")


class Tagged(nn.Module):
    """Two inputs of a dict that cost differently."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """A layer on one of them."""
        made: torch.Tensor = self.layer(batch["x"])
        return made + batch["by"].sum()


def test_the_items_of_a_dict_are_found_by_their_keys(tmp_path: Path) -> None:
    """In any order, as torch finds them; other keys are refused."""
    batch = {"x": torch.zeros(2, 4), "by": torch.ones(7, 4)}
    size = torch.export.Dim("size")
    shapes = {"batch": {"x": {0: size}, "by": {0: torch.export.Dim("other")}}}
    saved(tmp_path / "net.pt2", Tagged(), (batch,), dynamic_shapes=shapes)
    for specs in ("{x: f32[2,4], by: f32[7,4]}", "{by: f32[7,4], x: f32[2,4]}"):
        for name in ("", "batch="):
            assert reported(tmp_path / "net.pt2", name + specs).total.macs == 2 * 4 * 4
    with pytest.raises(TraceError, match="takes a dict of x, by, not x, of"):
        reported(tmp_path / "net.pt2", "{x: f32[2,4], of: f32[7,4]}")


def test_the_mode_is_that_of_the_export(tmp_path: Path) -> None:
    """A program is counted in the mode in which it was exported, and refused in the other."""
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout())
    for mode in ("train", "eval"):
        saved(tmp_path / "net.pt2", model.train(mode == "train"), (torch.zeros(2, 3, 4, 4),))
        program = sources.find(str(tmp_path / "net.pt2")).build()
        found = analyze(program, "f32[2,3,4,4]", mode=mode)
        assert found.total.flops == analyze(model, "f32[2,3,4,4]", mode=mode).total.flops
        other = "eval" if mode == "train" else "train"
        with pytest.raises(UsageError, match=f"exported in {mode} mode; give --mode {mode}"):
            analyze(program, "f32[2,3,4,4]", mode=other)


@pytest.mark.parametrize("training", [True, False])
def test_a_program_without_a_mode_is_counted_in_both(training: bool, tmp_path: Path) -> None:
    """Where no operation differs between modes, either is taken, in whichever it was exported.

    The model itself says what it costs, its training part included.
    """
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.GELU()).train(training)
    saved(tmp_path / "net.pt2", model, (torch.zeros(3, 4),))
    program = sources.find(str(tmp_path / "net.pt2")).build()
    for mode in ("train", "eval"):
        mine, theirs = (analyze(one, "f32[3,4]", mode=mode) for one in (program, model))
        assert mine.total == theirs.total
        if mine.training is None or theirs.training is None:
            assert mode == "eval"
            continue
        assert mine.training.total == theirs.training.total
        assert mine.training.memory == theirs.training.memory


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch's, as it decomposes
def test_a_decomposed_program_of_eval_mode_is_refused_in_train(tmp_path: Path) -> None:
    """Its batch norm says by its name alone that it does not train."""
    path = tmp_path / "net.pt2"
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    program = torch.export.export(model, (torch.zeros(2, 3, 4, 4),)).run_decompositions()
    torch.export.save(program, path)
    read = sources.find(str(path)).build()
    assert analyze(read, "f32[2,3,4,4]", mode="eval").total.macs == 2 * 16 * 3 * 4
    with pytest.raises(UsageError, match="exported in eval mode; give --mode eval"):
        analyze(read, "f32[2,3,4,4]", mode="train")


class Concatenated(nn.Module):
    """A token before the others, for a batch that the export fixes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The tokens, one more."""
        return torch.cat((torch.zeros(x.shape[0], 1, 4), x), 1)


def test_a_fixed_batch_says_what_it_was_exported_for(tmp_path: Path) -> None:
    """At another one the error names the shapes and the way out, and no line of costlab's."""
    path = tmp_path / "fixed.pt2"
    torch.export.save(torch.export.export(Concatenated(), (torch.zeros(2, 3, 4),)), path)
    source = sources.find(str(path))
    with pytest.raises(UsageError, match=r"exported for f32\[2,3,4\].*dynamic_shapes") as raised:
        analyze(source.build(), "f32[5,3,4]")
    assert "costlab" not in str(raised.value)


class Chosen(nn.Module):
    """Of the rows of a layer those that are positive, and a layer on them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """As many rows as values say."""
        rows = self.first(x)
        made: torch.Tensor = self.second(rows[(rows > 0).nonzero()[:, 0]])
        return made


def test_what_values_decide_stops_a_program(tmp_path: Path) -> None:
    """The error says the cause and what can be done; what ran until then is counted."""
    saved(tmp_path / "net.pt2", Chosen(), (torch.zeros(8, 4),))
    with pytest.raises(TraceError, match=r"nonzero returns depends on values") as raised:
        reported(tmp_path / "net.pt2")
    assert "count the model that it was exported from" in str(raised.value)
    assert "--on real" not in str(raised.value)
    partial: Report = raised.value.partial
    assert partial.total.macs == 8 * 4 * 4
    with pytest.raises(TraceError, match="a program's weights are not read"):
        analyze(sources.find(str(tmp_path / "net.pt2")).build(), torch.zeros(8, 4), on="real")


def test_a_program_that_stops_shows_what_ran(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints the table until then and the cause, and ends with 2."""
    saved(tmp_path / "net.pt2", Chosen(), (torch.zeros(8, 4),))
    with pytest.raises(SystemExit) as ended:
        main(["report", str(tmp_path / "net.pt2")])
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert "until it stopped" in out
    assert "nonzero returns depends on values" in err


class Batched(nn.Module):
    """A product per row, by a function transform."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """Matrices by vectors."""
        return torch.as_tensor(torch.vmap(torch.matmul)(a, b))


class Inverse(nn.Module):
    """A matrix that must not be singular, which its export checks."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A product with its inverse."""
        return torch.as_tensor(torch.linalg.inv(x) @ x)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # as above
def test_a_transform_is_counted_once_it_is_decomposed(tmp_path: Path) -> None:
    """An export writes the steps of a vmap itself; the error says how to have its operations."""
    path = tmp_path / "net.pt2"
    program = saved(path, Batched(), (torch.zeros(5, 4, 3), torch.zeros(5, 3)))
    with pytest.raises(SourceError, match=r"has torch\.vmap .* save program\.run_decompositions"):
        reported(path)
    torch.export.save(program.run_decompositions(), path)
    assert reported(path).total.macs == 5 * 4 * 3


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # as above
def test_an_operation_between_tokens_is_as_without_them(tmp_path: Path) -> None:
    """A decomposed export orders what has effects, such as a check, by tokens, which are free."""
    path = tmp_path / "net.pt2"
    program = saved(path, Inverse(), (torch.eye(4),))
    whole = reported(path)
    torch.export.save(program.run_decompositions(), path)
    report = reported(path)
    assert report.total.macs == whole.total.macs == 4 * 4 * 4
    assert [one.op for one in report.coverage.unknown] == ["linalg_inv_ex"]
