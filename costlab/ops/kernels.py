"""Operations under the names and signatures that torch's dispatcher has for them.

A function without a rule is priced kernel by kernel, and its kernels have these names. Each is
handed to the rule of the function that it carries out.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from costlab.graph import NOTHING
from costlab.ops.activation import dropout
from costlab.ops.convolution import convolution, transposed_convolution
from costlab.ops.distance import cdist
from costlab.ops.normalization import batch_norm, group_norm, layer_norm
from costlab.ops.pooling_to_size import adaptive_pool
from costlab.ops.rearrange import pad
from costlab.ops.resampling import grid_sample, interpolate
from costlab.ops.rule import SAME, Effect, Rule, Shaped, require

if TYPE_CHECKING:
    from collections.abc import Sequence


NO_STATISTICS = 3
"""The settings of a normalization besides its statistics: training, momentum and ε."""


def any_convolution(
    input: Shaped,
    weight: Shaped,
    bias: Shaped | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    transposed: bool,
    output_padding: list[int],
    groups: int,
    *_settings: bool,
) -> Effect:
    """A convolution of any number of axes, plain or transposed."""
    rank = len(weight.shape) - 2
    require(0 < rank < 4)
    if transposed:
        rule = transposed_convolution(rank)
        return rule(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return convolution(rank)(input, weight, bias, stride, padding, dilation, groups)


def with_statistics(effect: Effect, statistics: tuple[int, ...]) -> Effect:
    """A normalization that also returns the mean and the deviation that it used."""
    return effect._replace(shapes=(effect.shape, statistics, statistics))


def native_layer_norm(
    input: Shaped,
    normalized_shape: Sequence[int],
    weight: Shaped | None,
    bias: Shaped | None,
    eps: float,
) -> Effect:
    """`layer_norm`, with the statistics of each row."""
    effect = layer_norm(input, tuple(normalized_shape), weight, bias, eps)
    rows = len(effect.shape) - len(normalized_shape)
    return with_statistics(effect, (*effect.shape[:rows], *(1,) * len(normalized_shape)))


def native_batch_norm(
    input: Shaped,
    weight: Shaped | None,
    bias: Shaped | None,
    running_mean: Shaped | None,
    running_var: Shaped | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Effect:
    """`batch_norm`, with the statistics of each channel, of which eval has none."""
    del momentum, eps
    effect = batch_norm(input, running_mean, running_var, weight, bias, training)
    return with_statistics(effect, effect.shape[1:2] if training else (0,))


def native_batch_norm_legit(
    input: Shaped, weight: Shaped | None, bias: Shaped | None, *settings: Any
) -> Effect:
    """The same, with running statistics or without: its other overload does not have them."""
    held = settings if len(settings) > NO_STATISTICS else (None, None, *settings)
    return native_batch_norm(input, weight, bias, *held)


def native_batch_norm_in_eval(
    input: Shaped,
    weight: Shaped | None,
    bias: Shaped | None,
    running_mean: Shaped,
    running_var: Shaped,
    momentum: float,
    eps: float,
) -> Effect:
    """`batch_norm` by its running statistics."""
    return native_batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps)


def native_group_norm(
    input: Shaped,
    weight: Shaped | None,
    bias: Shaped | None,
    N: int,  # noqa: N803 - torch's own name
    C: int,  # noqa: N803 - torch's own name
    HxW: int,  # noqa: N803 - torch's own name
    group: int,
    eps: float,
) -> Effect:
    """`group_norm`, with the statistics of each sample and group."""
    require(prod(input.shape) == N * C * HxW)
    return with_statistics(group_norm(input, group, weight, bias, eps), (N, group))


def native_dropout(input: Shaped, p: float, train: bool | None) -> Effect:
    """`dropout`, with its mask."""
    effect = dropout(input, p or 1, train is not False)  # the kernel draws also where none is
    return effect._replace(
        shapes=(effect.shape, effect.shape),
        dtype=(SAME, "bool"),
        attributes=NOTHING,
        unchanged=False,
    )


def upsample(mode: str, *, corners: bool) -> Rule:
    """The rule of a resizing in this mode, to a size; `corners` says if it has that option."""

    def moved(input: Shaped, output_size: Sequence[int] | None, *_scales: object) -> Effect:
        require(output_size is not None)
        return interpolate(input, list(output_size or ()), mode=mode)

    def blended(
        input: Shaped, output_size: Sequence[int] | None, align_corners: bool, *_scales: object
    ) -> Effect:
        del align_corners
        return moved(input, output_size)

    return blended if corners else moved


def padded(mode: str) -> Rule:
    """The rule of a padding in this mode."""

    def rule(input: Shaped, padding: Sequence[int]) -> Effect:
        return pad(input, padding, mode)

    return rule


def grid_sampler(
    input: Shaped, grid: Shaped, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Effect:
    """`grid_sample`, its modes by number."""
    del padding_mode, align_corners
    return grid_sample(input, grid, ("bilinear", "nearest", "bicubic")[interpolation_mode])


def euclidean_distance(x1: Shaped, x2: Shaped) -> Effect:
    """`cdist` for p = 2."""
    return cdist(x1, x2)


def cdist_forward(x1: Shaped, x2: Shaped, p: float, compute_mode: int | None) -> Effect:
    """`cdist`, its mode by number."""
    del compute_mode
    return cdist(x1, x2, p)


CONVOLUTIONS: dict[str, Rule] = {
    "convolution": any_convolution,
    "_convolution": any_convolution,
}
NORMALIZATIONS: dict[str, Rule] = {
    "native_layer_norm": native_layer_norm,
    "native_batch_norm": native_batch_norm,
    "_native_batch_norm_legit": native_batch_norm_legit,
    "_native_batch_norm_legit_no_training": native_batch_norm_in_eval,
    "native_group_norm": native_group_norm,
}
ACTIVATIONS: dict[str, Rule] = {"native_dropout": native_dropout}
POOLINGS: dict[str, Rule] = {
    "_adaptive_avg_pool2d": adaptive_pool(2),
    "_adaptive_avg_pool3d": adaptive_pool(3),
}
RESAMPLINGS: dict[str, Rule] = {
    **{f"upsample_nearest{rank}d": upsample("nearest", corners=False) for rank in (1, 2, 3)},
    **{
        f"_upsample_nearest_exact{rank}d": upsample("nearest-exact", corners=False)
        for rank in (1, 2, 3)
    },
    "upsample_linear1d": upsample("linear", corners=True),
    "upsample_bilinear2d": upsample("bilinear", corners=True),
    "upsample_trilinear3d": upsample("trilinear", corners=True),
    "upsample_bicubic2d": upsample("bicubic", corners=True),
    "grid_sampler_2d": grid_sampler,
    "grid_sampler_3d": grid_sampler,
}
REARRANGEMENTS: dict[str, Rule] = {
    **{f"reflection_pad{rank}d": padded("reflect") for rank in (1, 2, 3)},
    **{f"replication_pad{rank}d": padded("replicate") for rank in (1, 2, 3)},
}
DISTANCES: dict[str, Rule] = {
    "_euclidean_dist": euclidean_distance,
    "_cdist_forward": cdist_forward,
}
