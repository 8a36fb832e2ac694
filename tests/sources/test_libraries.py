"""Models of torchvision, timm and transformers: as the libraries build them, without weights."""

from __future__ import annotations

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
