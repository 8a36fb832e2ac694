"""What section 7 claims about label smoothing: identities, each checked in float64 by autograd.

The logits are drawn from a generator of their own, so that every run sees the same ones.
"""

from __future__ import annotations

from fractions import Fraction
from math import log
from typing import TYPE_CHECKING

from costlab.bounds import above, exactly, identity, printed
from costlab.claims.ledger import Claim, Finding, Reading, Section
from costlab.claims.measures import closed, only

if TYPE_CHECKING:
    from torch import Tensor

    from costlab.claims.lab import Lab

CLASSES = 1000
EPSILON = Fraction(1, 10)
LABEL = 3
DRAWS = 4
SEED = 20151202
"""The day on which the paper was put on arXiv."""


def logits() -> Tensor:
    """Logits of a few examples, some of them large, that take gradients."""
    import torch

    generator = torch.Generator().manual_seed(SEED)
    drawn = torch.randn(DRAWS, CLASSES, dtype=torch.float64, generator=generator, device="cpu")
    return (drawn * torch.logspace(0, 1, DRAWS, dtype=torch.float64)[:, None]).requires_grad_()


def one_hot() -> Tensor:
    """The label distribution q: all of it on the label."""
    import torch

    q = torch.zeros(CLASSES, dtype=torch.float64, device="cpu")
    q[LABEL] = 1
    return q


def smoothed(epsilon: Fraction = EPSILON) -> Tensor:
    """The label distribution q′ = (1 − ε) δ + ε / K."""
    return one_hot() * float(1 - epsilon) + float(epsilon / CLASSES)


def cross_entropy(q: Tensor, z: Tensor) -> Tensor:
    """H(q, p) of each example, p being the softmax of its logits."""
    return -(z.log_softmax(-1) * q).sum(-1)


def gradient(q: Tensor, z: Tensor) -> Tensor:
    """What autograd finds for the slope of the loss in the logits."""
    import torch

    return torch.autograd.grad(cross_entropy(q, z).sum(), z)[0]


def gradient_is_p_minus_q(lab: Lab) -> Finding:
    """The largest difference between autograd's ∂L/∂z and p − q."""
    del lab
    z, q = logits(), one_hot()
    worst = (gradient(q, z) - (z.softmax(-1) - q)).abs().max().item()
    return Finding(worst, f"max |∂L/∂z − (p − q)| over {DRAWS}×{CLASSES} logits = {worst:.1e}")


def gradient_exceeds_one(lab: Lab) -> Finding:
    """By how much the gradient leaves [−1, 1]; 0 if it does not."""
    del lab
    slope = gradient(one_hot(), logits())
    lowest, highest = slope.min().item(), slope.max().item()
    beyond = max(0.0, -1 - lowest, highest - 1)
    return Finding(beyond, f"gradient lies in [{lowest:.4f}, {highest:.4f}]")


def framework_smooths_alike(lab: Lab) -> Finding:
    """The largest difference to PyTorch's own label smoothing."""
    del lab
    import torch

    z = logits()
    labels = torch.full((DRAWS,), LABEL, device="cpu")
    theirs = torch.nn.functional.cross_entropy(
        z, labels, reduction="none", label_smoothing=float(EPSILON)
    )
    worst = (theirs - cross_entropy(smoothed(), z)).abs().max().item()
    return Finding(worst, f"max |F.cross_entropy(label_smoothing=0.1) − H(q′, p)| = {worst:.1e}")


def losses_mix(lab: Lab) -> Finding:
    """The largest difference between the two sides of H(q′, p) = (1 − ε) H(q, p) + ε H(u, p)."""
    del lab
    import torch

    z, epsilon = logits(), float(EPSILON)
    u = torch.full((CLASSES,), 1 / CLASSES, dtype=torch.float64, device="cpu")
    mixed = (1 - epsilon) * cross_entropy(one_hot(), z) + epsilon * cross_entropy(u, z)
    worst = (cross_entropy(smoothed(), z) - mixed).abs().max().item()
    return Finding(worst, f"max |H(q′,p) − (1 − ε)·H(q,p) − ε·H(u,p)| = {worst:.1e}")


def entropy_splits(lab: Lab) -> Finding:
    """The largest difference between the two sides of H(u, p) = KL(u‖p) + H(u)."""
    del lab
    import torch

    z = logits()
    u = torch.full((CLASSES,), 1 / CLASSES, dtype=torch.float64, device="cpu")
    divergence = (u * (u.log() - z.log_softmax(-1))).sum(-1)
    worst = (cross_entropy(u, z) - divergence - log(CLASSES)).abs().max().item()
    return Finding(worst, f"max |H(u,p) − KL(u‖p) − ln {CLASSES}| = {worst:.1e}")


def gap_at_optimum(lab: Lab) -> Finding:
    """The logit gap at which autograd finds no gradient: ln(q′(y) / q′(k)), which is finite."""
    del lab
    import torch

    q = smoothed()
    gap = (q[LABEL] / q[LABEL - 1]).log().item()
    z = torch.zeros(1, CLASSES, dtype=torch.float64, device="cpu")
    z[0, LABEL] = gap
    z.requires_grad_()
    slope = gradient(q, z).abs().max().item()
    formula = f"gap = ln(0.9001 / 0.0001) = {gap:.4f}, where max |∂L/∂z| = {slope:.1e}"
    return Finding(slope, formula)


def unsmoothed_slope(lab: Lab) -> Finding:
    """The least slope of the unsmoothed loss in the label's logit, at gaps from 1 to 30."""
    del lab
    import torch

    gaps = torch.arange(1.0, WIDEST_GAP + 1, dtype=torch.float64, device="cpu")
    z = torch.zeros(WIDEST_GAP, CLASSES, dtype=torch.float64, device="cpu")
    z[:, LABEL] = gaps
    slopes = gradient(one_hot(), z.requires_grad_())[:, LABEL].abs()
    least = slopes.min().item()
    formula = f"|∂L/∂z_y| falls from {slopes[0].item():.3f} at 1 to {least:.1e} at {WIDEST_GAP}"
    return Finding(least, formula)


WIDEST_GAP = 30
SHARE_OF_LABEL = 1 - EPSILON + EPSILON / CLASSES
RMSPROP, SMOOTHED = (Fraction("23.1"), Fraction("6.3")), (Fraction("22.8"), Fraction("6.1"))
"""Top-1 and top-5 errors of Table 3, in per cent, before and with label smoothing."""


def gain(which: int) -> Reading:
    """The gain that Table 3 prints, top-1 or top-5."""
    before, after = RMSPROP[which], SMOOTHED[which]
    name = ("top-1", "top-5")[which]
    formula = f"Table 3, {name}: {float(before)} % − {float(after)} %"
    return Reading(name, only(closed((before - after) / 100, formula)))


SECTION = Section(
    "Label smoothing (§7)",
    (
        Claim(
            "L1",
            "∂L/∂z is p − q, and lies between −1 and 1",
            ("P §7",),
            identity(),
            "residual",
            (
                Reading("p − q, by autograd", gradient_is_p_minus_q),
                Reading("bounded by 1", gradient_exceeds_one),
            ),
            joint=True,
        ),
        Claim(
            "L2",
            "q′(k) = (1 − ε) δ + ε / K: 0.9001 for the label and 0.0001 for each other, sum 1",
            ("P §7", "R label smoothing"),
            exactly(Fraction("0.9001"), "0.9001"),
            "ratio",
            (
                Reading(
                    "of the label",
                    only(closed(SHARE_OF_LABEL, "(1 − 0.1) + 0.1 / 1000 = 0.9001")),
                ),
                Reading(
                    "1 − all others",
                    only(closed(1 - (CLASSES - 1) * EPSILON / CLASSES, "1 − 999 · (0.1 / 1000)")),
                ),
            ),
        ),
        Claim(
            "L2b",
            "Smoothing so is the loss that frameworks call label smoothing",
            ("P §7", "R label smoothing"),
            identity(),
            "residual",
            (Reading("against PyTorch's", framework_smooths_alike),),
        ),
        Claim(
            "L3",
            "H(q′, p) = (1 − ε) H(q, p) + ε H(u, p)",
            ("P §7",),
            identity(),
            "residual",
            (Reading("both sides, in float64", losses_mix),),
        ),
        Claim(
            "L4",
            "The second loss has the relative weight ε / (1 − ε)",
            ("P §7",),
            exactly(Fraction(1, 9), "1/9"),
            "ratio",
            (Reading("ε = 0.1", only(closed(EPSILON / (1 - EPSILON), "0.1 / (1 − 0.1)"))),),
        ),
        Claim(
            "L5",
            "H(u, p) = KL(u‖p) + H(u)",
            ("P §7",),
            identity(),
            "residual",
            (Reading("both sides, in float64", entropy_splits),),
        ),
        Claim(
            "L6",
            "Smoothed labels keep the largest logit from growing: the optimum is finite",
            ("P §7", "R label smoothing"),
            identity(),
            "residual",
            (Reading("gradient at the finite gap", gap_at_optimum),),
        ),
        Claim(
            "L6b",
            "Without smoothing the likelihood has no maximum at finite logits",
            ("P §7",),
            above("0"),
            "residual",
            (Reading("slope at ever larger gaps", unsmoothed_slope),),
        ),
        Claim(
            "L7",
            "Label smoothing gains about 0.2 % in top-1 and in top-5",
            ("P §7", "S evidence"),
            printed("0.2%"),
            "share",
            (gain(0), gain(1)),
            joint=True,
        ),
    ),
)
