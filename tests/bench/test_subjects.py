"""Subjects as modules: weights, scale, blocks."""

import pytest
import torch
from torch import nn

from costlab.bench.inputs import Rotation
from costlab.bench.seams import ArmError
from costlab.bench.study import Subject
from costlab.bench.subjects import Built, build, calibrate

SMALL = Subject("", "inception_v3(width=0.1, classes=10, aux=False)", (3, 107, 107))


def output_of(built: Built, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """What a built subject writes for random inputs."""
    inputs = Rotation(
        built.example,
        1,
        dtype=dtype,
        device=torch.device("cpu"),
        layout="nchw",
        generator=torch.Generator().manual_seed(3),
    )
    args, kwargs = inputs.at(0)
    with torch.no_grad():
        out: torch.Tensor = built.module.to(dtype)(*args, **kwargs)
    return out


def test_a_model_is_built_with_weights() -> None:
    """Nothing is left on meta, and no weight is zero."""
    module = build(SMALL, "bn_relu", 1, 0).module
    tensors = [*module.parameters(), *module.buffers()]
    assert not any(tensor.is_meta for tensor in tensors)
    assert all(bool(parameter.ne(0).any()) for parameter in module.parameters())


def test_the_signal_keeps_its_size_through_the_depth() -> None:
    """Through the 48 layers of Inception-v3 every activation stays far from fp16's limits."""
    built = build(SMALL, "bn_relu", 2, 0)
    sizes: list[float] = []
    for module in built.module.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda _m, _a, out: sizes.append(float(out.std())))
    output_of(built)
    assert len(sizes) > 200
    assert 0.02 < min(sizes) < max(sizes) < 50


def test_fp16_neither_overflows_nor_vanishes() -> None:
    """A deep network of small width runs in fp16 with finite, varying outputs."""
    out = output_of(build(SMALL, "bn_relu", 2, 0), torch.float16)
    assert bool(torch.isfinite(out).all())
    assert float(out.float().std()) > 0.05


def test_no_normalization_is_without_effect() -> None:
    """Statistics and affine parts differ from channel to channel, and from those of a new layer."""
    module = build(SMALL, "bn_relu", 1, 0).module
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    assert norms
    for norm in norms:
        assert norm.running_mean is not None
        assert norm.running_var is not None
        for tensor in (norm.running_mean, norm.running_var, norm.weight, norm.bias):
            assert len(set(tensor.tolist())) == len(tensor)


def test_a_seed_makes_the_same_model_and_touches_no_other_random_numbers() -> None:
    """Two builds agree, and torch's own generator is where it was."""
    state = torch.get_rng_state()
    one, two = (build(SMALL, "bn_relu", 1, 5).module.state_dict() for _ in range(2))
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert torch.equal(torch.get_rng_state(), state)
    other = build(SMALL, "bn_relu", 1, 6).module.state_dict()
    assert not all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_block_gets_the_input_that_it_gets_in_the_model() -> None:
    """Mixed_6b at 107 × 107 and a tenth of the width reads what Mixed_6a writes, for each batch."""
    subject = Subject("", SMALL.source, SMALL.shape, block="Mixed_6b")
    built = build(subject, "bn_relu", 4, 0)
    (x,), kwargs = built.example
    # 384 / 10 + 96 / 10 + 288 / 10 filters on a grid of 5 × 5.
    assert x.shape[:1] == (4,)
    assert x.shape[2:] == (5, 5)
    assert not kwargs
    assert output_of(built).shape[2:] == (5, 5)


def test_a_block_that_is_not_there_is_refused() -> None:
    """A path of no module, and one that the forward does not reach, are errors of the arm."""
    with pytest.raises(ArmError, match="no block"):
        build(Subject("", SMALL.source, SMALL.shape, block="Mixed_9z"), "bn_relu", 1, 0)
    unreached = Subject("", SMALL.source.replace("False", "True"), SMALL.shape, block="AuxLogits")
    with pytest.raises(ArmError, match="not called"):
        build(unreached, "bn_relu", 1, 0)


def test_dropout_drops_nothing_in_training() -> None:
    """What is dropped at random could not be compared with float64."""
    subject = Subject("", SMALL.source, SMALL.shape, training=True)
    module = build(subject, "bn_relu", 2, 0).module
    assert module.training
    dropouts = [part for part in module.modules() if isinstance(part, nn.Dropout)]
    assert all(part.p == 0 for part in dropouts)


def test_side_heads_get_their_weights_in_training() -> None:
    """What runs in training only is calibrated as well."""
    source = SMALL.source.replace("False", "True")
    subject = Subject("", source, (3, 299, 299), training=True)
    module = build(subject, "bn_relu", 2, 0).module
    biases = [part.bias for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    assert all(bool(bias.ne(0).all()) for bias in biases)


def test_calibration_leaves_no_hooks_and_the_mode() -> None:
    """Afterwards the module has the hooks and the mode that it had."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    calibrate(model, ((torch.empty(2, 3, 8, 8, device="meta"),), {}), 0)
    assert model.training
    assert not any(part._forward_hooks for part in model.modules())
