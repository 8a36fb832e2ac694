"""1x1 convolutions of one input, apart and merged: the network's own, and the same arithmetic."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from benchmarks._gpu_siblings import Apart, Merged
from benchmarks._gpu_subjects import SIBLINGS
from costlab import sources
from costlab.bench.costs import price
from costlab.bench.cpu import Cpu
from costlab.bench.study import Axes, Pair

SMALL = Axes(batches=(1,), precisions=("fp32",), arms=("eager",), regimes=("warm",))


def test_they_are_the_networks() -> None:
    """The 1x1 that read the input of Mixed_5d, Mixed_6c and Mixed_7c, but for a pooling's."""
    network = sources.find("inception_v3").build()
    found = []
    for name, inputs in (("Mixed_5d", 288), ("Mixed_6c", 768), ("Mixed_7c", 2048)):
        convs = [
            one.out_channels
            for path, one in network.get_submodule(name).named_modules()
            if isinstance(one, nn.Conv2d)
            and (one.in_channels, one.kernel_size) == (inputs, (1, 1))
            and "pool" not in path
        ]
        found.append((inputs, " + ".join(map(str, convs))))
    named = [
        (pair.variant.shape[0], pair.name.partition(" → ")[0].removeprefix("1x1 "))
        for pair in SIBLINGS.pairs
    ]
    assert named == found


@pytest.mark.parametrize("pair", SIBLINGS.pairs, ids=lambda pair: pair.name)
def test_merged_costs_no_less_arithmetic(pair: Pair) -> None:
    """Multiply-adds and weights are the same; what is saved is that the input is read once."""
    (case,) = SIBLINGS.cases(replace(SMALL, pairs=(pair.name,)))
    apart, merged = price(case.baseline.subject, case), price(case.variant.subject, case)
    assert apart.macs == merged.macs > 0
    assert apart.params == merged.params
    inputs, grid, _ = pair.variant.shape
    read = sum(one.moved for one in apart.products) - sum(one.moved for one in merged.products)
    assert read == 2 * 4 * inputs * grid * grid


def test_merged_computes_the_same() -> None:
    """With the same weights, the slices of the merged one are what each writes."""
    apart, merged = Apart(5, (3, 2)).eval(), Merged(5, (3, 2)).eval()
    for part in ("conv.weight", "norm.weight", "norm.bias", "norm.running_mean"):
        whole = torch.cat([apart.get_submodule(name).state_dict()[part] for name in apart.names])
        whole = torch.randn_like(whole)
        merged.conv.state_dict()[part].copy_(whole)
        for name, own in zip(apart.names, (whole[:3], whole[3:]), strict=True):
            apart.get_submodule(name).state_dict()[part].copy_(own)
    x = torch.randn(2, 5, 4, 4)
    torch.testing.assert_close(torch.cat(apart(x), 1), merged(x))


def test_the_bench_runs_them() -> None:
    """Both sides are built and are right by the bench's own check, several outputs or one."""
    backend = Cpu()
    (case,) = SIBLINGS.cases(replace(SMALL, pairs=(SIBLINGS.pairs[2].name,)))
    for side in (case.baseline, case.variant):
        ready = backend.prepare(side, case, 0)
        try:
            assert ready.check().poisoned
        finally:
            ready.close()
