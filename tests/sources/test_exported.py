"""Exported programs: counted as the model that was exported, and never unpickled."""

from __future__ import annotations

import json
import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from costlab import analyze, sources
from costlab.errors import CostlabError, SourceError, TraceError, UsageError
from costlab.sources import archive
from costlab.zoo import find

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from costlab.report import Report

GRAPH = "models/model.json"


class Net(nn.Module):
    """Convolutions in a block, no gradients for one of them, a tied weight, a named argument."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.block = nn.Sequential()
        self.block.add_module("norm", nn.BatchNorm2d(8))
        self.block.add_module("relu", nn.ReLU())
        self.one = nn.Linear(8, 8, bias=False)
        self.two = nn.Linear(8, 8, bias=False)
        self.two.weight = self.one.weight
        self.never = nn.Linear(5, 5)

    def forward(self, x: torch.Tensor, *, scale: dict[str, torch.Tensor]) -> tuple[Any, ...]:
        """Two results."""
        with torch.no_grad():
            y = self.stem(x)
        pooled = self.block(y).mean((2, 3))
        first, second = (self.two(self.one(pooled)) * scale["by"]).chunk(2, dim=1)
        return first + torch.tensor([1.0, 2.0, 3.0, 4.0]), {"second": second}


class Tokens(nn.Module):
    """Reads whole numbers, and calls one module twice."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """What the layer makes of it."""
        return torch.as_tensor(self.layer(self.layer(self.embedding(tokens))))


EXAMPLES: dict[str, tuple[Callable[[], nn.Module], tuple[Any, ...], dict[str, Any]]] = {
    "net": (Net, (torch.zeros(2, 3, 8, 8),), {"scale": {"by": torch.ones(2, 1)}}),
    "tokens": (Tokens, (torch.zeros(2, 7, dtype=torch.long),), {}),
    "resnet18": (
        lambda: find("resnet18").build(), (torch.zeros(1, 3, 64, 64),), {},
    ),
    "lstm": (lambda: nn.LSTM(6, 5, 2), (torch.zeros(4, 1, 6),), {}),
}  # fmt: skip


def saved(
    path: Path, model: nn.Module, args: Any, kwargs: Any = None, **options: Any
) -> torch.export.ExportedProgram:
    """A model's program, saved as torch saves it."""
    program = torch.export.export(model, args, kwargs, **options)
    torch.export.save(program, path)
    return program


def reported(path: Path | str, *inputs: str) -> Report:
    """The report on a program, at its own inputs if none are given."""
    source = sources.find(str(path))
    model = source.build()
    return analyze(model, inputs or source.inputs_for(model), mode="eval")


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


def altered(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """The archive with its description changed."""
    with zipfile.ZipFile(path) as old:
        files = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, data in files.items():
            if name.endswith(GRAPH):
                program = json.loads(data)
                change(program)
                new.writestr(name, json.dumps(program))
            else:
                new.writestr(name, data)


class Malice:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (self.path, "w"))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    """Sample inputs and constants that would run something are not read."""
    path, ran = tmp_path / "net.pt2", tmp_path / "ran"
    make, args, kwargs = EXAMPLES["net"]
    saved(path, make().eval(), args, kwargs)
    with zipfile.ZipFile(path) as old:
        files = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, data in files.items():
            is_pickle = "/sample_inputs/" in name or "/constants/tensor" in name
            new.writestr(name, pickle.dumps(Malice(str(ran))) if is_pickle else data)
    assert reported(path).total.macs > 0
    assert not ran.exists()


def node(program: dict[str, Any], place: int = 0) -> dict[str, Any]:
    """An operation of a description."""
    found: dict[str, Any] = program["graph_module"]["graph"]["nodes"][place]
    return found


def call(target: str, **arguments: Any) -> Callable[[dict[str, Any]], None]:
    """A change that makes the first operation another."""

    def change(program: dict[str, Any]) -> None:
        inputs = [{"name": name, "arg": value, "kind": 1} for name, value in arguments.items()]
        node(program).update(target=target, inputs=inputs)

    return change


X = {"as_tensor": {"name": "input"}}
HOSTILE: list[tuple[str, Callable[[dict[str, Any]], Any], str]] = [
    ("files", call("torch.ops.aten.from_file.default", filename={"as_string": "ran"}),
     "from_file.default may not run"),
    ("saving", call("torch.ops.aten.save.default", item=X), "may not run|has no operation"),
    ("system", call("os.system", command={"as_string": "touch ran"}), "os.system is no operation"),
    ("builtins", call("builtins.exec", code={"as_string": ""}), "is no operation of torch's own"),
    ("attributes", call("torch.ops.aten.__class__.mro"), "has no operation"),
    ("loading", call("torch.ops.load_library", path={"as_string": "x"}), "is no operation"),
    ("foreign", call("torch.ops.theirs.scan.default", x=X), "theirs.scan.default is no operation"),
    ("branches", call("torch.ops.higher_order.cond", x=X), "cond in it has 0 graphs, not 2"),
    ("flex", call("torch.ops.higher_order.flex_attention", x=X), "control flow of a kind"),
    ("unmade", call("torch.ops.aten.relu.default", self={"as_tensor": {"name": "no"}}),
     "'no' is read before it is made"),
    ("memory", call("torch.ops.aten.zeros.default", size={"as_ints": [2**40]}), "stopped|results"),
    ("digits", call("_operator.pow", a={"as_int": 10}, b={"as_int": 10**9}), "a size of it"),
    ("kinds", call("torch.ops.aten.relu.default", self={"as_nothing": 1}), "an argument is"),
    ("shape", lambda program: program["graph_module"]["graph"]["tensor_values"]["p_weight"].update(
        sizes=[{"as_int": 2**60}]), "a tensor has the shape"),
    ("type", lambda program: program["graph_module"]["graph"]["tensor_values"]["p_weight"].update(
        dtype=999), "a tensor is described as"),
    ("nodes", lambda program: program["graph_module"]["graph"].update(nodes=[{}]),
     "has no 'target'"),
    ("version", lambda program: program["schema_version"].update(major=99), "of version 99"),
    ("no version", lambda program: program.pop("schema_version"), "has no schema_version"),
    ("no graph", lambda program: program.pop("graph_module"), "is damaged"),
    ("path", lambda program: program["graph_module"]["signature"]["input_specs"][0]["parameter"]
     .update(parameter_name=""), ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "message"), [(change, told) for _, change, told in HOSTILE],
    ids=[name for name, *_ in HOSTILE],
)  # fmt: skip
def test_a_hostile_description(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, Any]], Any],
    message: str,
) -> None:
    """What is no computation of torch's own is refused by name, and nothing of it runs."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "net.pt2"
    saved(path, nn.Linear(3, 3), (torch.zeros(2, 3),))
    altered(path, change)
    if message:
        with pytest.raises(CostlabError, match=message):
            reported(path)
    else:
        reported(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["net.pt2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no archive of torch.export.save"),
        (b"not a zip", "is no archive of torch.export.save"),
        (b"PK\x03\x04" + b"\0" * 60, "is no archive of torch.export.save"),
        ({}, "holds no program; write one with torch.export.save"),
        ({"x/data/aotinductor/model.so": b""}, "holds compiled code"),
        ({"x/models/a.json": b"{}", "x/models/b.json": b"{}"}, "holds 2 programs"),
        ({"x/models/a.json": b"{"}, r"a\.json is damaged"),
        ({"x/models/a.json": b"[" * 100_000}, r"a\.json is damaged"),
        ({"x/models/a.json": b"[]"}, "it holds no object"),
        ({"x/models/a.json": b"\xff"}, r"a\.json is damaged"),
    ],
)
def test_a_broken_archive(tmp_path: Path, content: bytes | dict[str, bytes], message: str) -> None:
    """A file that is no such archive is told, with the call that writes one."""
    path = tmp_path / "net.pt2"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as new:
            for name, data in content.items():
                new.writestr(name, data)
    with pytest.raises(SourceError, match=message):
        reported(path)


def test_a_description_that_swells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that unpacks to more than is read of any is refused before it is parsed."""
    monkeypatch.setattr(archive, "LARGEST", 1 << 20)
    with zipfile.ZipFile(tmp_path / "net.pt2", "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("x/models/a.json", b" " * (1 << 21))
    with pytest.raises(SourceError, match="is larger than 1 MiB"):
        reported(tmp_path / "net.pt2")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program in a file."""
    path = tmp_path_factory.mktemp("original") / "net.pt2"
    make, args, kwargs = EXAMPLES["net"]
    saved(path, make().eval(), args, kwargs)
    return path


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_damage_is_an_error_or_a_report(
    original: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Whatever value of a description is replaced by another, no other exception comes out."""
    path = tmp_path / "net.pt2"
    path.write_bytes(original.read_bytes())
    odd: st.SearchStrategy[Any] = st.sampled_from(
        [None, -1, 2**70, "", "x", [], {}, [[]], {"as_int": -5}, True, 0.5]
    )

    def damage(program: dict[str, Any]) -> None:
        here: Any = program
        while True:
            keys = list(here) if isinstance(here, dict) else list(range(len(here)))
            key = data.draw(st.sampled_from(keys))
            if not isinstance(here[key], dict | list) or not here[key] or data.draw(st.booleans()):
                here[key] = data.draw(odd)
                return
            here = here[key]

    altered(path, damage)
    try:
        reported(path)
    except CostlabError as error:
        assert str(error)  # noqa: PT017 - some damage does not matter


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
    with pytest.raises(TraceError, match=r"exported for f32\[2,3,4\].*dynamic_shapes") as raised:
        analyze(source.build(), "f32[5,3,4]")
    assert "costlab" not in str(raised.value)
