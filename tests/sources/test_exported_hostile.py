"""Exported programs that are damaged or hostile: refused by name, and never unpickled."""

from __future__ import annotations

import pickle
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from costlab.errors import CostlabError, SourceError
from costlab.sources import archive
from tests.sources.programs import EXAMPLES, altered, reported, saved

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
    ("effects", call("torch.ops.higher_order.with_effects", x=X), "with_effects in it has no op"),
    ("effect", call("torch.ops.higher_order.with_effects", x=X, does={"as_operator": "os.system"}),
     "os.system is no operation of torch's own"),
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
