"""What section 8 says of the training, and what such a training comes to."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from costlab.claims.document import Part
from costlab.claims.ledger import Claim, Finding, Reading, Section
from costlab.claims.measures import net

if TYPE_CHECKING:
    from costlab.claims.lab import Lab

REPLICAS, BATCH, EPOCHS = 50, 32, 100
IMAGES = 1_281_167
"""Training images of ILSVRC 2012 (Russakovsky et al. 2015, Table 2)."""
TRAINED = net("inception_v3", mode="train")
FIRST = "Conv2d_1a_3x3"
DAY_S = 24 * 60 * 60
PETA = 10**15
FLOAT_BYTES = 4
OPTIMIZER_SLOTS = 2
"""RMSProp with momentum keeps a mean square and a velocity for each parameter."""


def step_macs(lab: Lab) -> tuple[int, int]:
    """MACs of an image forward, and forward and backward.

    Backward, each multiply-add of the forward is done once for the gradient of the weights and once
    for that of the input; the first layer needs none of the image.
    """
    report = TRAINED.report(lab)
    forward = report.total.macs
    return forward, 3 * forward - report.block(FIRST).cost.macs


def per_image(lab: Lab) -> Finding:
    """Multiply-adds of a training step, an image."""
    forward, both = step_macs(lab)
    spared = 3 * forward - both
    return Finding(
        both,
        f"3 × {forward:,} − {spared:,} (no gradient of the image) = {both:,} MACs an image",
        (Part("forward", forward), Part("backward", both - forward)),
    )


def images_seen(lab: Lab) -> Finding:
    """Images that the training looks at."""
    del lab
    seen = EPOCHS * IMAGES
    return Finding(seen, f"{EPOCHS} epochs × {IMAGES:,} images = {seen:,}")


def steps_taken(lab: Lab) -> Finding:
    """Gradient steps of all replicas together, rounded up."""
    del lab
    steps = -(-EPOCHS * IMAGES // BATCH)
    a_replica = -(-steps // REPLICAS)
    return Finding(
        steps,
        f"{EPOCHS} × {IMAGES:,} / {BATCH} = {steps:,} gradients of {BATCH} images, {a_replica:,} a "
        f"replica; {a_replica:,} updates if all {REPLICAS} are applied at once",
    )


def all_of_it(lab: Lab) -> Finding:
    """Multiply-adds of the whole training."""
    _, both = step_macs(lab)
    macs = both * EPOCHS * IMAGES
    days = Fraction(2 * macs, PETA * DAY_S)
    return Finding(
        macs,
        f"{both:,} × {EPOCHS} × {IMAGES:,} MACs; two FLOPs each: {float(2 * macs):.3g} = "
        f"{float(days):.2f} PFLOP/s-days",
    )


def memory(lab: Lab) -> Finding:
    """Bytes that a replica holds: weights, gradients, optimizer, and results kept for backward.

    Of each layer its input is kept; what is counted is every element that convolutions and linear
    layers write, once before and once behind the normalization, as both are needed backward.
    """
    report = TRAINED.report(lab)
    params = report.total.params * FLOAT_BYTES
    kept = 2 * report.total.activations * BATCH * FLOAT_BYTES
    parts = (
        Part("weights", params),
        Part("gradients", params),
        Part("RMSProp with momentum", OPTIMIZER_SLOTS * params),
        Part(f"activations, batch {BATCH}", kept),
    )
    whole = sum(part.value for part in parts)
    return Finding(whole, " + ".join(f"{part.value:,}" for part in parts) + " bytes", parts)


def last_rate(lab: Lab) -> Finding:
    """The learning rate of the last two epochs."""
    del lab
    decays = (EPOCHS - 1) // 2
    rate = 0.045 * 0.94**decays
    return Finding(rate, f"0.045 × 0.94^{decays} = {rate:.5f} after {EPOCHS} epochs")


NOTHING_PRINTED = "a set-up, with no figure of its cost to hold the computed one against"

SECTION = Section(
    "Training (§8), as compute",
    (
        Claim(
            "M1",
            "Trained with 50 replicas, batch 32 each, for 100 epochs",
            ("P §8", "S compute setup"),
            None,
            "macs",
            (
                Reading("the whole training", all_of_it),
                Reading("a step, an image", per_image),
            ),
            NOTHING_PRINTED,
        ),
        Claim(
            "M1b",
            "The same, as images and steps",
            ("P §8", "S compute setup"),
            None,
            "count",
            (Reading("images", images_seen), Reading("gradients", steps_taken)),
            NOTHING_PRINTED,
        ),
        Claim(
            "M2",
            "RMSProp, decay 0.9, ε = 1; rate 0.045, times 0.94 every two epochs; clipped at 2",
            ("P §8", "S compute setup"),
            None,
            "ratio",
            (Reading("the last learning rate", last_rate),),
            NOTHING_PRINTED,
        ),
        Claim(
            "M3",
            "Each replica runs on one NVidia Kepler GPU",
            ("P §8", "S compute setup"),
            None,
            "bytes",
            (Reading("memory that a replica holds", memory),),
            "which Kepler GPU, and so how much memory, is not said",
        ),
    ),
)
