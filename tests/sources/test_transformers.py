"""Models of transformers, from configurations alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from costlab import analyze, sources
from costlab.errors import SourceError, UsageError
from tests.sources.test_libraries import specs, total
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

TINY = (
    "hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, "
    "vocab_size=100"
)


def hf() -> ModuleType:
    """transformers, or a skip."""
    torchvision()
    found: ModuleType = pytest.importorskip("transformers")
    return found


def test_a_configuration_by_name() -> None:
    """A class of configurations makes the bare model; a class of models that model."""
    hf()
    width, wide, tokens, vocabulary = 64, 128, 128, 100
    layer = tokens * (4 * width * width + 2 * width * wide) + 2 * tokens * tokens * width
    bare = total(f"hf:BertConfig({TINY})")
    assert bare == 2 * layer + width * width  # the pooler reads one token
    head = tokens * (width * width + width * vocabulary)
    assert total(f"hf:BertForMaskedLM({TINY})") == 2 * layer + head


def test_a_folder(tmp_path: Path) -> None:
    """A folder's config.json makes the class that it names; arguments change its fields."""
    hf()
    config = {
        "model_type": "vit", "architectures": ["ViTForImageClassification"], "hidden_size": 32,
        "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 32, "patch_size": 8, "num_channels": 3,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    source = sources.find(f"hf:{tmp_path}(num_hidden_layers=3)")
    model = source.build()
    assert type(model).__name__ == "ViTForImageClassification"
    assert source.inputs_for(model) == ("pixel_values=f32[1,3,32,32]",)
    one = sources.find(f"hf:{tmp_path}").build()
    layer = 4 * (32 * 32 + 32) + 32 * 64 + 64 + 64 * 32 + 32 + 4 * 32
    sizes = [sum(weight.numel() for weight in each.parameters()) for each in (one, model)]
    assert sizes[1] - sizes[0] == 2 * layer
    assert specs(f"hf:{tmp_path / 'config.json'}") == ("pixel_values=f32[1,3,32,32]",)
    with pytest.raises(UsageError, match="has no field 'nothing'"):
        sources.find(f"hf:{tmp_path}(nothing=3)").build()


def test_code_of_a_folder_is_not_run(tmp_path: Path) -> None:
    """A configuration that needs code of its own is refused, and the code is not imported."""
    hf()
    config = {"model_type": "theirs", "auto_map": {"AutoConfig": "theirs.Theirs"}}
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    ran = tmp_path / "ran"
    (tmp_path / "theirs.py").write_text(f"open({str(ran)!r}, 'w').close()\n", "utf-8")
    with pytest.raises(SourceError, match=r"no configuration that transformers .* knows"):
        sources.find(f"hf:{tmp_path}").build()
    assert not ran.exists()


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "{}", '{"model_type": 5}'])
def test_a_damaged_configuration(tmp_path: Path, text: str) -> None:
    """A file that is no configuration is told by its name."""
    hf()
    (tmp_path / "config.json").write_text(text, "utf-8")
    with pytest.raises(SourceError, match=r"config\.json is no configuration"):
        sources.find(f"hf:{tmp_path}").build()


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("hf:T5Config(d_model=32, d_ff=64, num_layers=1, num_heads=2, d_kv=16, vocab_size=50)",
         ("input_ids=i64[1,128]", "decoder_input_ids=i64[1,128]")),
        ("hf:CLIPConfig", ("input_ids=i64[1,77]", "pixel_values=f32[1,3,224,224]")),
        ("hf:WhisperConfig(encoder_layers=1, decoder_layers=1)",
         ("input_features=f32[1,80,3000]", "decoder_input_ids=i64[1,128]")),
        ("hf:BertConfig(max_position_embeddings=40)", ("input_ids=i64[1,40]",)),
        ("hf:VideoMAEConfig(num_hidden_layers=1)", ("pixel_values=f32[1,16,3,224,224]",)),
        ("hf:DebertaV2Config(num_hidden_layers=1)", ("input_ids=i64[1,128]",)),
    ],
)  # fmt: skip
def test_inputs_by_the_configuration(text: str, inputs: tuple[str, ...]) -> None:
    """Tokens, images and sound as the configuration has places for; the forward takes them."""
    hf()
    assert specs(text) == inputs
    assert total(text) > 0


@pytest.mark.parametrize("kind", ["Bert", "Llama", "GPT2", "Mistral", "DistilBert"])
def test_a_mask_whose_values_nobody_knows(kind: str) -> None:
    """A mask given as a spec is made and applied: the same products, and no fewer operations."""
    hf()
    source = sources.find(f"hf:{kind}Config(num_hidden_layers=1)")
    model = source.build()
    ids = "input_ids=i64[2,9]"
    bare = analyze(model, [ids], mode="eval")
    masked = analyze(model, [ids, "attention_mask=i64[2,9]"], mode="eval", on="meta")
    assert masked.total.macs == bare.total.macs
    assert masked.total.flops > bare.total.flops
    assert masked.coverage.unknown == ()


def test_a_mixture_of_experts() -> None:
    """Each token goes through as many experts as it is routed to, whichever they are."""
    hf()
    tokens, width, wide, experts, each, heads, kept = 128, 64, 128, 8, 2, 4, 2
    source = sources.find(
        f"hf:MixtralConfig(hidden_size={width}, intermediate_size={wide}, num_hidden_layers=1, "
        f"num_attention_heads={heads}, num_key_value_heads={kept}, vocab_size=100)"
    )
    model = source.build()
    report = analyze(model, source.inputs_for(model), mode="eval")
    attention = 2 * tokens * width * width + 2 * tokens * width * (width * kept // heads)
    attention += 2 * tokens * tokens * width
    routed = tokens * width * experts + tokens * each * 3 * width * wide
    assert report.total.macs == attention + routed
    assert report.coverage.unknown == ()
