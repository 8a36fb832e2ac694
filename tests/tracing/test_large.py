"""Models of many billions of weights, on shapes: exact, and within the memory of a laptop."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
import torch

import costlab
from costlab.skeleton import build
from tests.torchvision_shim import torchvision
from tests.tracing.llama import LLAMA_70B, LLAMA_405B, Llama, Shape
from tests.tracing.networks import Calls

SMALL = Shape(layers=2, width=64, heads=8, groups=2, inner=96, vocabulary=100)
SHAPES = {"70B": LLAMA_70B, "405B": LLAMA_405B}


def test_the_sizes_are_those_that_their_names_say() -> None:
    """The formula gives 70.6 and 405.9 billion parameters (Llama 3.1 model card: 70B, 405B)."""
    assert round(LLAMA_70B.params / 1e8) == 706
    assert round(LLAMA_405B.params / 1e8) in (4058, 4059)


@pytest.mark.parametrize("on", ["meta", "fake", "real"])
def test_a_small_decoder_costs_its_formula(on: str) -> None:
    """A decoder that has weights costs what the formula says, on whatever tensors it runs."""
    model = Llama(SMALL)
    assert sum(parameter.numel() for parameter in model.parameters()) == SMALL.params
    report = costlab.analyze(model, torch.zeros(2, 7, dtype=torch.long), on=on)
    assert report.total.params == SMALL.params
    assert report.total.macs == SMALL.macs(2, 7)
    assert report.coverage.unknown == ()


PROGRAM = """
import json, sys
import torch, costlab
from costlab.skeleton import build
from tests.tracing.llama import {name}, Llama
from tests.tracing.resident import peak

def on_meta(make):
    with torch.device("meta"):
        return make()

costlab.analyze(torch.nn.Linear(2, 2), "f32[1,2]")
before = peak()
report = costlab.analyze({build}, "i64[4,8192]", mode="eval")
after = peak()
unknown = len(report.coverage.unknown)
print(json.dumps([report.total.params, report.total.macs, unknown, after - before]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's own peak")
@pytest.mark.parametrize(
    ("size", "way"), [("70B", "skeleton"), ("405B", "skeleton"), ("405B", "device")]
)
def test_a_large_decoder_costs_its_formula_within_a_gigabyte(size: str, way: str) -> None:
    """70 and 405 billion parameters are built and counted in less than 1 GiB above the import."""
    name = f"LLAMA_{size}"
    made = f"build(lambda: Llama({name}))"
    if way == "device":
        made = f"on_meta(lambda: Llama({name}))"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(name=name, build=made)],
        check=True,
        capture_output=True,
        text=True,
    )
    params, macs, unknown, kilobytes = json.loads(done.stdout)
    assert params == SHAPES[size].params
    assert macs == SHAPES[size].macs(4, 8192)
    assert unknown == 0
    assert kilobytes < 1 << 20


def test_a_skeleton_of_a_decoder_has_no_weights() -> None:
    """A decoder whose constructor allows it is built on meta, but for its small tensors."""
    model = build(lambda: Llama(Shape(1, 512, 8, 8, 512, 1000)))
    assert model.output.weight.is_meta
    assert not model.norm.weight.is_meta


def transformers() -> Any:
    """The library, or a skip."""
    torchvision()  # which transformers imports
    return pytest.importorskip("transformers", reason="transformers is not installed")


def hf_config(shape: Shape) -> Any:
    """The configuration of the library's Llama of this shape."""
    return transformers().LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.groups,
        tie_word_embeddings=False,
    )


@pytest.mark.parametrize("size", ["small", "70B"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_libraries_llama_on_meta_costs_the_formula(size: str) -> None:
    """LlamaForCausalLM of transformers, built on meta, costs what our own decoder does."""
    shape = SMALL if size == "small" else LLAMA_70B
    with torch.device("meta"):
        model = transformers().LlamaForCausalLM(hf_config(shape))
    report = costlab.analyze(model.eval(), {"input_ids": "i64[2,16]"}, on="meta")
    rotary = 2 * 16 * (shape.head // 2)  # positions by frequencies, as a product of matrices
    assert report.total.params == shape.params
    assert report.total.macs - shape.macs(2, 16) in (0, rotary // 2, rotary)
    assert report.coverage.unknown == ()


OF_A_LIBRARY = """
import json, warnings
warnings.simplefilter("ignore")
import torch, costlab
from tests.tracing.llama import LLAMA_70B, LLAMA_405B
from tests.tracing.resident import peak
from tests.tracing.test_large import hf_config, transformers

for shape in (LLAMA_70B, LLAMA_405B):
    with torch.device("meta"):
        model = transformers().LlamaForCausalLM(hf_config(shape))
    report = costlab.analyze(model.eval(), {"input_ids": "i64[2,4096]"}, on="meta")
    positions = report.block("model.rotary_emb").cost.macs
    unknown = len(report.coverage.unknown)
    print(json.dumps([report.total.params, report.total.macs, positions, unknown, peak()]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's own peak")
def test_the_libraries_large_llamas_take_less_than_a_gigabyte() -> None:
    """70B and 405B, in one process and with all that it imports; they cost what the formula says.

    Some versions of the library compute the angles of positions as a product, in a module of its
    own: that is beside the formula.
    """
    transformers()
    done = subprocess.run(
        [sys.executable, "-c", OF_A_LIBRARY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for shape, (params, macs, positions, unknown, kilobytes) in zip(
        (LLAMA_70B, LLAMA_405B), found, strict=True
    ):
        assert params == shape.params
        assert macs == shape.macs(2, 4096) + positions
        assert positions in (0, 4096 * (shape.head // 2), 2 * 4096 * (shape.head // 2))
        assert unknown == 0
        assert kilobytes < 1 << 20


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_what_a_library_returns_are_the_outputs() -> None:
    """A ModelOutput's logits, and the keys and values that it caches, are what comes out."""
    model = transformers().LlamaForCausalLM(hf_config(SMALL)).eval()
    tokens = torch.zeros(2, 5, dtype=torch.long)
    report = costlab.analyze(model, {"input_ids": tokens, "use_cache": False})
    assert (2, 5, SMALL.vocabulary) in {spec.shape for spec in report.root.outputs}
    with_labels = costlab.analyze(model, {"input_ids": tokens, "labels": tokens})
    assert {spec.shape for spec in with_labels.root.outputs} >= {(), (2, 5, SMALL.vocabulary)}
    assert report.total.macs == with_labels.total.macs


def test_inputs_of_any_structure_go_in() -> None:
    """Keyword arguments, mappings in mappings, lists, tuples and flags reach the forward."""

    def forward(m: Any, x: torch.Tensor, *, more: dict[str, Any], flag: bool) -> Any:
        total = x
        for part in (*more["list"], more["deep"]["pair"][1]):
            total = total + part @ m.weight
        return {"sum": total} if flag else None

    x = torch.randn(2, 8)
    inputs = {"x": x, "more": {"list": [x, x], "deep": {"pair": (None, x)}}, "flag": True}

    class Named(Calls):
        def forward(self, **named: Any) -> Any:
            return forward(self, **named)

    for on in ("meta", "fake", "real"):
        report = costlab.analyze(Named(forward), inputs, on=on)
        assert report.total.macs == 3 * (2 * 8 * 8)
        assert [spec.shape for spec in report.root.outputs] == [(2, 8)]


def test_a_cache_that_begins_with_nothing_is_joined() -> None:
    """A vector without elements joins a tensor of any rank, as libraries begin their caches."""
    for on in ("meta", "real"):
        model = Calls(lambda _, x: torch.cat([torch.tensor([]), x, x], dim=-2))
        report = costlab.analyze(model, torch.randn(2, 3, 8), on=on)
        assert report.coverage.unknown == ()
        assert report.root.outputs[0].shape == (2, 6, 8)
        assert report.total.bytes == 4 * (2 * 3 * 8 + 2 * 6 * 8)  # x is read once
