"""Values of the ledger that matter, by hand or by another count than costlab's."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import TYPE_CHECKING

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from costlab import zoo

if TYPE_CHECKING:
    from costlab.claims.document import ReadingVerdict, Verdicts

GOOGLENET = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}
"""Szegedy et al. 2014, Table 1: filters read, then from #1×1 to the pooling's projection."""
GRIDS = {"3": 28, "4": 14, "5": 7}


def readings(verdicts: Verdicts, name: str) -> dict[str, ReadingVerdict]:
    """The readings of a claim, by their names."""
    claim = next(claim for claim in verdicts.claims if claim.id == name)
    return {reading.name: reading for reading in claim.readings}


def first(verdicts: Verdicts, name: str) -> ReadingVerdict:
    """The first reading of a claim."""
    return next(iter(readings(verdicts, name).values()))


def counted(name: str, *shape: int, backward: bool = False) -> int:
    """Multiply-adds by torch's own counter, on meta, of an image; with the backward if asked."""
    batch = 2  # batch normalization of single places refuses to train on one image
    with torch.device("meta"):
        model = zoo.CATALOGUE[name].build().train(backward)
        images = torch.empty(batch, *shape)
    counter = FlopCounterMode(display=False)
    with counter:
        out = model(images)
        if backward:
            sum(one.sum() for one in out).backward()
    return int(counter.get_total_flops()) // (2 * batch)


def test_the_cost_of_an_inference(verdicts: Verdicts) -> None:
    """Torch's counter finds as many multiply-adds in Inception-v3, Table 1 and GoogLeNet."""
    cost = readings(verdicts, "A1")
    assert cost["the released graph at 299×299"].computed == counted("inception_v3", 3, 299, 299)
    literal = counted("inception_v3_table1", 3, 299, 299)
    assert cost["Table 1 literally, 4 modules at 17×17"].computed == literal
    assert first(verdicts, "X1").computed == counted("googlenet", 3, 224, 224)
    assert first(verdicts, "X3").computed == counted("bn_inception", 3, 224, 224)


def test_the_cost_of_a_training_step(verdicts: Verdicts) -> None:
    """Torch's counter finds as many, forward and backward, with the auxiliary classifier."""
    step = readings(verdicts, "M1")["a step, an image"]
    both = counted("inception_v3", 3, 299, 299, backward=True)
    assert step.computed == both
    assert first(verdicts, "M1").computed == both * 100 * 1_281_167
    assert sum(part.value for part in step.parts) == both


def test_small_images(verdicts: Verdicts) -> None:
    """Shrunk to 79×79 the released graph costs what torch's counter says; §9's networks too."""
    whole = counted("inception_v3", 3, 299, 299)
    small = counted("inception_v3", 3, 79, 79)
    assert first(verdicts, "R4").computed == pytest.approx(whole / small, rel=1e-15)
    third = counted("inception_v3_79", 3, 79, 79)
    assert readings(verdicts, "R1")["79 beside 299"].computed == pytest.approx(third / whole)


def test_parameters_are_those_of_the_modules(verdicts: Verdicts) -> None:
    """All parameters of the module, and all but those of the side head."""
    with torch.device("meta"):
        model = zoo.CATALOGUE["inception_v3"].build()
    sizes = {name: one.numel() for name, one in model.named_parameters()}
    size = readings(verdicts, "A2")
    assert size["with the auxiliary classifier"].computed == sum(sizes.values())
    used = sum(count for name, count in sizes.items() if not name.startswith("AuxLogits."))
    assert size["used in an inference"].computed == used


def test_googlenet_expansions(verdicts: Verdicts) -> None:
    """Filters of the 5×5 and 3×3 over those of the reductions before them, by its Table 1."""
    fives = [Fraction(n5, reduce) for _, _, _, _, reduce, n5, _ in GOOGLENET.values()]
    threes = [Fraction(n3, reduce) for _, _, reduce, n3, _, _, _ in GOOGLENET.values()]
    found = readings(verdicts, "B4b")
    assert found["mean over the 5×5"].computed == pytest.approx(float(sum(fives) / 9))
    assert found["least over the 5×5"].computed == min(fives)
    assert found["mean over the 3×3"].computed == pytest.approx(float(sum(threes) / 9))
    assert found["least over the 3×3"].computed == pytest.approx(float(min(threes)))


def test_googlenet_reductions(verdicts: Verdicts) -> None:
    """With a 1×1 first, its branches cost the share that the rows of its Table 1 give."""
    spent = direct = 0
    for name, (read, _, reduce3, n3, reduce5, n5, _) in GOOGLENET.items():
        places = GRIDS[name[0]] ** 2
        spent += places * (read * (reduce3 + reduce5) + 9 * reduce3 * n3 + 25 * reduce5 * n5)
        direct += places * read * (9 * n3 + 25 * n5)
    assert first(verdicts, "B1c").computed == pytest.approx(spent / direct, rel=1e-15)


def test_googlenet_parameters(verdicts: Verdicts) -> None:
    """7 million: the weights and biases of the rows of its Table 1."""
    params = 49 * 3 * 64 + 64 + 64 * 64 + 64 + 9 * 64 * 192 + 192 + 1024 * 1000 + 1000
    for read, n1, reduce3, n3, reduce5, n5, projected in GOOGLENET.values():
        params += read * (n1 + reduce3 + reduce5 + projected) + 9 * reduce3 * n3
        params += 25 * reduce5 * n5 + n1 + reduce3 + n3 + reduce5 + n5 + projected
    assert first(verdicts, "G0").computed == params


def test_the_stem(verdicts: Verdicts) -> None:
    """Three 3×3 of 32, 32 and 64 filters beside a 7×7 of 64 at 147×147."""
    three = 149**2 * 32 * 27 + 147**2 * 32 * 32 * 9 + 147**2 * 64 * 32 * 9
    seven = 147**2 * 64 * 3 * 49
    assert first(verdicts, "B10").computed == pytest.approx(three / seven, rel=1e-15)


def test_depth(verdicts: Verdicts) -> None:
    """Stem 5, three modules of 3, reduction 3, four of 5, reduction 4, two of 3, classifier 1."""
    assert first(verdicts, "E1").computed == 5 + 3 * 3 + 3 + 4 * 5 + 4 + 2 * 3 + 1


def test_local_shares(verdicts: Verdicts) -> None:
    """At 8×8, 1×1 have (1280 + 2048) · 1344 weights beside twice those of the larger patches."""
    local = (1280 + 2048) * (320 + 384 + 448 + 192)
    larger = 2 * (384 * 384 * 3 * 2 + 448 * 384 * 9 + 384 * 384 * 3 * 2)
    share = f"{local / (local + larger):.1%} at 8×8"
    assert first(verdicts, "B14").formula.endswith(share)


def test_two_of_one(verdicts: Verdicts) -> None:
    """The factorizations save 7/25, 1/3, 1/9 and 5/7, and what they take is told to the digit."""
    shares = {"B3": 7 / 25, "B3b": 7 / 25, "B6": 1 / 3, "B7": 1 / 9, "B8": 5 / 7}
    for name, share in shares.items():
        assert first(verdicts, name).computed == pytest.approx(share, rel=1e-15)
        assert first(verdicts, name).closed == first(verdicts, name).computed
    one, two = 25 * 64**2 * 35**2, 2 * 9 * 64**2 * 35**2
    assert first(verdicts, "B3").formula.endswith(f"1 − {two:,} / {one:,}")


def test_the_ways_of_section_5(verdicts: Verdicts) -> None:
    """2, 1/2 and 1/4 of d²k²: a quarter, three times more, and half of that quarter."""
    assert first(verdicts, "D1").computed == 2
    assert first(verdicts, "D2").computed == 0.25
    assert [one.computed for one in readings(verdicts, "D3").values()] == [3, 4]
    assert [one.computed for one in readings(verdicts, "D4").values()] == [0.5, 0.5]
    assert first(verdicts, "D5").computed == 0.25


def test_the_first_pooling(verdicts: Verdicts) -> None:
    """Nine comparisons for each of 73×73×64 maxima, beside all operations of the network."""
    found = first(verdicts, "R3")
    (part,) = found.parts
    assert part.value == 9 * 73 * 73 * 64
    whole = 2 * 5_713_216_096
    assert isinstance(found.computed, float)
    assert found.computed < part.value / whole
    assert found.computed == pytest.approx(part.value / whole, rel=0.01)


def test_evaluations(verdicts: Verdicts) -> None:
    """Crops and models multiply the cost of an inference."""
    once = counted("inception_v3", 3, 299, 299)
    crops = [reading.computed for reading in readings(verdicts, "X9").values()]
    assert crops == [12 * once, 144 * once]
    assert first(verdicts, "X10").computed == 4 * 144 * once


def test_the_memory_of_a_replica(verdicts: Verdicts) -> None:
    """Weights, gradients and two slots of the optimizer, each of all parameters, in four bytes."""
    parts = {part.label: part.value for part in first(verdicts, "M3").parts}
    params = 4 * 27_161_264
    assert parts["weights"] == parts["gradients"] == params
    assert parts["RMSProp with momentum"] == 2 * params
    assert first(verdicts, "M3").computed == sum(parts.values())


def test_grids(verdicts: Verdicts) -> None:
    """Each row of Table 1, read literally, writes what the next one is printed to read."""
    sizes = ((149, 32), (147, 32), (147, 64), (73, 64), (71, 80), (35, 192), (35, 288), (17, 768))
    for row, (side, filters) in enumerate((*sizes, (8, 1280), (8, 2048), (1, 2048)), start=1):
        literal = readings(verdicts, f"T1.{row}")["Table 1 literally, 4 modules at 17×17"]
        assert literal.computed == (filters, side, side)
        assert literal.verdict == "holds"


def test_alexnet_and_vgg(verdicts: Verdicts) -> None:
    """Parameters of AlexNet and of VGG-16 by the sizes of their layers."""
    early = ((3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256))
    vgg = (*early, (256, 512), *((512, 512),) * 5)
    dense = ((512 * 49, 4096), (4096, 4096), (4096, 1000))
    params = sum(9 * a * b + b for a, b in vgg) + sum(a * b + b for a, b in dense)
    alex = 121 * 3 * 96 + 96 + 25 * 48 * 256 + 256 + 9 * 256 * 384 + 384
    alex += 9 * 192 * 384 + 384 + 9 * 192 * 256 + 256
    alex += sum(a * b + b for a, b in ((9216, 4096), (4096, 4096), (4096, 1000)))
    assert first(verdicts, "A6").computed == alex
    assert first(verdicts, "A7").computed == pytest.approx(params / alex, rel=1e-15)


def test_weights_times_places(verdicts: Verdicts) -> None:
    """All of Inception-v3's multiply-adds but the classifier's are of its convolutions."""
    told = first(verdicts, "B1").formula
    assert told.startswith(f"{5_713_216_096 - prod((2048, 1000)):,} MACs")
