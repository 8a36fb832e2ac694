"""Models of torchvision, timm and transformers: as the libraries build them, without weights."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
import torch

from costlab import analyze, sources
from costlab.errors import SourceError, UsageError
from costlab.sources import libraries
from costlab.sources.libraries import OFFLINE, offline
from tests.torchvision_shim import torchvision

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


def total(text: str) -> int:
    """The multiply-adds of a source at its own inputs."""
    source = sources.find(text)
    model = source.build()
    return analyze(model, source.inputs_for(model), mode="eval").total.macs


def specs(text: str) -> tuple[str, ...]:
    """The inputs of a source."""
    source = sources.find(text)
    return source.inputs_for(source.build())


def test_torchvision_is_the_library_s_own() -> None:
    """A name stands for what torchvision's own function builds, weights apart."""
    theirs = torchvision().models.mobilenet_v3_small(num_classes=7)
    ours = sources.find("torchvision:mobilenet_v3_small(num_classes=7)").build()
    assert [*ours.state_dict()] == [*theirs.state_dict()]
    assert total("torchvision:mobilenet_v3_small(num_classes=7)") == (
        analyze(theirs, "f32[1,3,224,224]", mode="eval").total.macs
    )


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("resnet18", ("f32[1,3,224,224]",)),
        ("inception_v3", ("f32[1,3,299,299]",)),
        ("r3d_18", ("f32[1,3,16,112,112]",)),
        ("fcn_resnet50", ("f32[1,3,520,520]",)),
        ("ssd300_vgg16", ("[f32[3,300,300]]",)),
        ("fasterrcnn_mobilenet_v3_large_fpn", ("[f32[3,800,800]]",)),
    ],
)
def test_torchvision_inputs(name: str, inputs: tuple[str, ...]) -> None:
    """Images, clips and lists of images, in the sizes that torchvision evaluates them in."""
    torchvision()
    assert specs(f"torchvision:{name}") == inputs


def test_a_model_of_two_images_is_asked_for() -> None:
    """Where torchvision says no size, the user is asked, with a command that works."""
    torchvision()
    with pytest.raises(UsageError, match=r"forward\(image1, image2, .*these it takes: costlab rep"):
        specs("torchvision:raft_small")


def test_timm_is_the_library_s_own() -> None:
    """A name, with or without a tag, stands for what `timm.create_model` builds."""
    torchvision()
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("resnet10t", num_classes=7)
    channels, high, wide = theirs.pretrained_cfg["input_size"]
    expected = analyze(theirs, f"f32[1,{channels},{high},{wide}]", mode="eval").total.macs
    assert total("timm:resnet10t(num_classes=7)") == expected
    assert specs("timm:resnet10t.c3_in1k") == ("f32[1,3,176,176]",)


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        ("timm:vit_tiny_patch16_224", "f32[1,3,224,224]"),
        ("timm:vit_tiny_patch16_224(img_size=160, in_chans=1)", "f32[1,1,160,160]"),
        ("timm:vit_tiny_patch16_224(img_size=[160, 96])", "f32[1,3,160,96]"),
        ("timm:inception_v3", "f32[1,3,299,299]"),
    ],
)
def test_timm_inputs(text: str, inputs: str) -> None:
    """The size is that of timm's configuration, or that the model is built for."""
    torchvision()
    pytest.importorskip("timm")
    assert specs(text) == (inputs,)
    assert total(text) > 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("torchvision:resnet81", r"torchvision has no model 'resnet81'\. Did you mean resnet\d"),
        (
            "torchvision:resnet18(10)",
            r"takes arguments by name only, such as torchvision:resnet18\(",
        ),
        ("torchvision:resnet18(weights='DEFAULT')", "leave weights out: it would be downloaded"),
        ("torchvision:resnet18(clases=3)", "could not be built .*clases"),
        ("timm:resnett18", r"timm has no model 'resnett18'\. Did you mean resnet"),
        ("timm:resnet18(pretrained=True)", "leave pretrained out"),
        ("timm:resnet18(checkpoint_path='x.pth')", "leave checkpoint_path out"),
        ("timm:hf-hub:someone/model", "timm has no model 'hf-hub:someone/model'"),
        ("hf:Lama", r"has no configuration 'Lama'.*Did you mean LlamaConfig\?"),
        ("hf:BertConfig(hiden_size=3)", r"has no field 'hiden_size'\. Did you mean hidden_size\?"),
        ("hf:BertConfig(3)", "takes arguments by name only"),
        ("hf:someone/model", "there is no someone/model.*downloads nothing"),
        ("timm:", "names no model"),
    ],
)
def test_refused(text: str, message: str) -> None:
    """What a library does not have is told with what it has; nothing is ever downloaded."""
    torchvision()
    for name in ("timm", "transformers"):
        pytest.importorskip(name)
    with pytest.raises((UsageError, SourceError), match=message):
        sources.find(text).build()


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("torchvision:resnet18", r"torchvision is not installed: pip install 'costlab\[zoo\]'"),
        ("timm:resnet18", r"timm is not installed: pip install 'costlab\[zoo\]'"),
        ("hf:BertConfig", r"transformers is not installed: pip install 'costlab\[hf\]'"),
    ],
)
def test_a_library_that_is_not_there(
    text: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy is the extra of costlab that installs it."""
    monkeypatch.setattr(libraries, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match=remedy):
        sources.find(text).build()


def test_a_library_that_does_not_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is told, and what to install."""
    (tmp_path / "brokenlib.py").write_text("raise RuntimeError('of another torch')\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SourceError, match=r"brokenlib is installed and does not import .*another"):
        libraries.checked_import("brokenlib")


def test_compiled_operators_are_not_replaced() -> None:
    """Where torchvision cannot load its compiled operators, one that is asked for is missed."""
    vision = torchvision()
    if vision.extension._has_ops():
        pytest.skip("here torchvision loads its compiled operators")
    boxes = torch.zeros(1, 4)
    with pytest.raises(RuntimeError, match="Couldn't load custom C"):
        vision.ops.nms(boxes, boxes[:, 0], 0.5)


def test_offline_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable and the client's constant are as they were, also after an exception."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.delenv(OFFLINE, raising=False)
    before = constants.HF_HUB_OFFLINE

    def fail() -> None:
        with offline():
            assert (os.environ[OFFLINE], constants.HF_HUB_OFFLINE) == ("1", True)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert OFFLINE not in os.environ
    assert before == constants.HF_HUB_OFFLINE


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
    ],
)  # fmt: skip
def test_inputs_by_the_configuration(text: str, inputs: tuple[str, ...]) -> None:
    """Tokens, images and sound as the configuration has places for; the forward takes them."""
    hf()
    assert specs(text) == inputs
    assert total(text) > 0
