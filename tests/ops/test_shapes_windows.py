"""Convolution, pooling and resampling rules give the kernels' shapes, or decline."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from tests.ops.agreement import agrees
from tests.ops.draws import once_or_each, randomly, tensor

if TYPE_CHECKING:
    from random import Random


def image(rng: Random, rank: int) -> torch.Tensor:
    """A batch of images, a single one, or now and then something else."""
    lead = rng.choice([[], [rng.randint(0, 2)], [2], [1, 2]] if rng.random() < 0.3 else [[], [2]])
    least = 0 if rng.random() < 0.05 else 3
    return tensor(*lead, rng.choice([2, 4, 6]), *[rng.randint(least, 9) for _ in range(rank)])


@randomly(300)
def test_convolution(rng: Random) -> None:
    """Convolutions with any stride, padding, dilation and groups."""
    rank, groups = rng.randint(1, 3), rng.choice([1, 1, 2, 0])
    x = image(rng, rank)
    channels = x.shape[-rank - 1]
    outputs = rng.choice([2, 4, 6, 5])
    group = max(channels // max(groups, 1), 1) if rng.random() < 0.8 else 3
    weight = tensor(outputs, group, *[rng.randint(1, 4) for _ in range(rank)])
    agrees(
        f"conv{rank}d",
        getattr(F, f"conv{rank}d"),
        x,
        weight,
        rng.choice([None, tensor(outputs), tensor(outputs + 1)]),
        once_or_each(rng, rank, 1, 3) if rng.random() < 0.5 else 1,
        rng.choice([once_or_each(rng, rank, -(rng.random() < 0.1), 2), "same", "valid", "bad"]),
        once_or_each(rng, rank, 1, 2),
        groups,
    )


@randomly(300)
def test_transposed_convolution(rng: Random) -> None:
    """Transposed convolutions with any stride, padding, output padding and groups."""
    rank, groups = rng.randint(1, 3), rng.choice([1, 1, 2, 0])
    x = image(rng, rank)
    channels = x.shape[-rank - 1] if rng.random() < 0.9 else 3
    group = rng.choice([1, 2, 3])
    weight = tensor(channels, group, *[rng.randint(1, 4) for _ in range(rank)])
    agrees(
        f"conv_transpose{rank}d",
        getattr(F, f"conv_transpose{rank}d"),
        x,
        weight,
        rng.choice([None, tensor(group * max(groups, 1)), tensor(7)]),
        once_or_each(rng, rank, 1, 3),
        once_or_each(rng, rank, 0, 2),
        once_or_each(rng, rank, 0, 2) if rng.random() < 0.5 else 0,
        groups,
        once_or_each(rng, rank, 1, 2),
    )


@randomly(200)
def test_convolution_of_integers(rng: Random) -> None:
    """Torch's CPU kernels take integers, those with a wider window or backwards int64 alone."""
    rank, dtype = rng.randint(1, 3), rng.choice([torch.int8, torch.uint8, torch.int64, torch.bool])
    x = tensor(1, 2, *[5] * rank, dtype=dtype)
    weight = tensor(4, rng.randint(1, 2), *[rng.randint(1, 2)] * rank, dtype=dtype)
    groups = 2 // weight.shape[1]
    padding, spread = rng.choice([0, 1, "same"]), rng.choice([1, 2])
    function = getattr(F, f"conv{rank}d")
    answered = agrees(f"conv{rank}d", function, x, weight, None, 1, padding, spread, groups)
    assert answered == (dtype == torch.int64 or (dtype != torch.bool and spread == 1))
    function = getattr(F, f"conv_transpose{rank}d")
    answered = agrees(f"conv_transpose{rank}d", function, x, weight[:2], None, 2, dilation=spread)
    assert answered == (dtype == torch.int64)


@randomly(400)
def test_pooling(rng: Random) -> None:
    """Pooling windows with any stride, padding, dilation and rounding."""
    rank = rng.randint(1, 3)
    x = image(rng, rank)
    kernel = once_or_each(rng, rank, rng.random() > 0.1, 4)
    stride = rng.choice([None, once_or_each(rng, rank, rng.random() > 0.1, 3)])
    padding = once_or_each(rng, rank, -(rng.random() < 0.1), 2)
    dilation, ceil = once_or_each(rng, rank, 1, 2), rng.random() < 0.5
    maximum = getattr(F, f"max_pool{rank}d")
    agrees(f"max_pool{rank}d", maximum, x, kernel, stride, padding, dilation, ceil)
    agrees(
        f"max_pool{rank}d_with_indices",
        lambda *args, **_: maximum(*args, return_indices=True),
        x, kernel, stride, padding, dilation, ceil, return_indices=True,
    )  # fmt: skip
    more = {"divisor_override": rng.choice([None, 0, 3])} if rank > 1 else {}
    average = getattr(F, f"avg_pool{rank}d")
    agrees(f"avg_pool{rank}d", average, x, kernel, stride, padding, ceil, True, **more)
    power = getattr(F, f"lp_pool{rank}d")
    agrees(f"lp_pool{rank}d", power, x, rng.choice([1, 2, 3.0, 0]), kernel, stride, ceil)
    indices = torch.zeros(x.shape, dtype=torch.int64)
    size = [rng.randint(5, 14) for _ in range(rank)]
    agrees(
        f"max_unpool{rank}d",
        getattr(F, f"max_unpool{rank}d"),
        x, indices, kernel, stride=stride, padding=padding,
        output_size=rng.choice([None, None, size, [2, 2, *size]]),
    )  # fmt: skip


@randomly(200)
def test_pooling_to_a_size(rng: Random) -> None:
    """Adaptive and fractional pooling reach the size that is asked for."""
    rank = rng.randint(1, 3)
    x = image(rng, rank)
    size = rng.choice(
        [
            rng.randint(0, 7),
            tuple(rng.choice([None, rng.randint(1, 6)]) for _ in range(rank)),
            [rng.randint(1, 7)] * rank,
            None,
        ]
    )
    agrees(f"adaptive_avg_pool{rank}d", getattr(F, f"adaptive_avg_pool{rank}d"), x, size)
    for suffix, indices in (("", False), ("_with_indices", True)):
        adaptive = getattr(F, f"adaptive_max_pool{rank}d")
        agrees(f"adaptive_max_pool{rank}d{suffix}", adaptive, x, size, return_indices=indices)
        if rank > 1:
            goal: dict[str, Any] = rng.choice(
                [
                    {"output_size": once_or_each(rng, rank, 1, 5)},
                    {
                        "output_ratio": rng.choice(
                            [0.5, (0.5,) * rank, (0.9,) * rank, (1.2,) * rank]
                        )
                    },
                ]
            )
            agrees(
                f"fractional_max_pool{rank}d{suffix}",
                getattr(F, f"fractional_max_pool{rank}d"),
                x,
                once_or_each(rng, rank, 1, 3),
                **goal,
                return_indices=indices,
            )


@randomly(400)
def test_interpolation(rng: Random) -> None:
    """Images are resized in every mode, to a size or by a factor."""
    rank = rng.randint(1, 3)
    modes = ["nearest", "nearest-exact", "area", "linear", "bilinear", "trilinear", "bicubic"]
    fitting = ["nearest", ["linear", "bilinear", "trilinear"][rank - 1], "bicubic"]
    factor = rng.choice([2, 0.5, 1.7, 0.9, 0.05, (1.3,) * rank, [2.0] * rank, (1.3, 2)])
    size = once_or_each(rng, rank, rng.random() > 0.1, 9)
    both = rng.random() < 0.1
    sized = rng.random() < 0.5
    agrees(
        "interpolate",
        F.interpolate,
        image(rng, rank) if rng.random() < 0.2 else tensor(2, 3, *[rng.randint(1, 9)] * rank),
        size if sized or both else None,
        factor if both or not sized else None,
        rng.choice(modes if rng.random() < 0.5 else fitting),
        rng.choice([None, None, True, False]),
        rng.choice([None, True, False]),
        rng.random() < 0.1,
    )


@randomly(300)
def test_patches_and_shuffles(rng: Random) -> None:
    """Patches are cut out and put back, pixels and channels shuffled."""
    x = image(rng, 2)
    options = [once_or_each(rng, 2, low, high) for low, high in ((1, 3), (1, 2), (0, 2), (1, 3))]
    agrees("unfold", F.unfold, x, *options)
    size = [rng.randint(3, 8), rng.randint(3, 8)]
    columns = tensor(rng.randint(1, 2), rng.randint(1, 12), rng.randint(1, 40))
    if rng.random() < 0.8:
        with suppress(RuntimeError):  # the patches may be larger than the image
            columns = F.unfold(tensor(2, 3, *size), *options)  # type: ignore[arg-type]  # a list of one is valid
    columns = columns if rng.random() < 0.5 else columns[0]
    agrees("fold", F.fold, columns, size, *options)
    channels = tensor(*rng.choice([[], [2]]), rng.randint(1, 9), rng.randint(0, 6), 4)
    factor = rng.randint(0, 3)
    agrees("pixel_shuffle", F.pixel_shuffle, channels, factor)
    agrees("pixel_unshuffle", F.pixel_unshuffle, channels, factor)
    agrees("channel_shuffle", F.channel_shuffle, channels, factor)


@randomly(150)
def test_grid_sample(rng: Random) -> None:
    """Images are sampled at points, in two and three dimensions."""
    rank = rng.randint(1, 3)
    x = image(rng, rank)
    points = [rng.randint(1, 4) for _ in range(rank)]
    lead = x.shape[0] if rng.random() < 0.9 else 3
    grid = tensor(lead, *points, rank if rng.random() < 0.9 else 1)
    agrees(
        "grid_sample",
        F.grid_sample,
        x,
        grid,
        rng.choice(["bilinear", "nearest", "bicubic", "cubic"]),
        rng.choice(["zeros", "border", "reflection", "none"]),
        False,
    )
