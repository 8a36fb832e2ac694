"""What each operator of ONNX costs, one file an operator family.

`TABLE` is every operator that is priced or free, by domain and name; what is not in it and has no
definition by other operators is a named unknown. Does not know graphs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.graph import Coverage
from costlab.onnx.operators import (
    attention,
    contractions,
    elementwise,
    movement,
    recurrent,
    windows,
)
from costlab.ops.rule import Declined, Effect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from costlab.onnx.operators.call import Call, Rule

MICROSOFT = "com.microsoft"


class Operator(NamedTuple):
    """How an operator is counted; a free one needs no rule."""

    rule: Rule | None
    family: str
    coverage: Coverage = Coverage.PRICED


def _family(
    name: str, rules: Mapping[str, Rule], domain: str = ""
) -> dict[tuple[str, str], Operator]:
    return {(domain, op): Operator(rule, name) for op, rule in rules.items()}


def _free(ops: Iterable[str]) -> dict[tuple[str, str], Operator]:
    return {("", op): Operator(None, "view", Coverage.FREE) for op in ops}


TABLE: dict[tuple[str, str], Operator] = {
    **_family("convolution", contractions.CONVOLUTIONS),
    **_family("convolution", recurrent.CONVOLUTIONS),
    **_family("linear", contractions.LINEAR),
    **_family("matmul", contractions.PRODUCTS),
    **_family("recurrent", recurrent.RULES),
    **_family("attention", attention.RULES),
    **_family("elementwise", attention.ROTATIONS),
    **_family("elementwise", elementwise.ELEMENTWISE),
    **_family("activation", elementwise.ACTIVATION),
    **_family("normalization", elementwise.NORMALIZATIONS),
    **_family("normalization", elementwise.UNREGISTERED),
    **_family("reduction", elementwise.REDUCTIONS),
    **_family("loss", elementwise.LOSSES),
    **_family("conversion", elementwise.CONVERSIONS),
    **_family("conversion", movement.FILLED),
    **_family("pooling", windows.POOLINGS),
    **_family("resampling", windows.RESAMPLINGS),
    **_family("rearrangement", movement.REARRANGEMENTS),
    **_family("indexing", movement.INDEXING),
    **_free(movement.VIEWS),
    **_family("convolution", contractions.MICROSOFT_CONVOLUTIONS, MICROSOFT),
    **_family("linear", contractions.MICROSOFT_LINEAR, MICROSOFT),
    **_family("matmul", contractions.MICROSOFT_PRODUCTS, MICROSOFT),
    **_family("attention", attention.MICROSOFT, MICROSOFT),
    **_family("elementwise", attention.ROTATIONS, MICROSOFT),
    **_family("activation", elementwise.MICROSOFT_ACTIVATIONS, MICROSOFT),
    **_family("normalization", elementwise.MICROSOFT_NORMALIZATIONS, MICROSOFT),
}
"""Every operator that is priced or free."""

UNKNOWN = frozenset(
    {
        "Compress",
        "ConcatFromSequence",
        "Det",
        "DFT",
        "ImageDecoder",
        "MaxRoiPool",
        "MelWeightMatrix",
        "Multinomial",
        "NonMaxSuppression",
        "NonZero",
        "Optional",
        "OptionalGetElement",
        "OptionalHasElement",
        "RegexFullMatch",
        "STFT",
        "SequenceAt",
        "SequenceConstruct",
        "SequenceEmpty",
        "SequenceErase",
        "SequenceInsert",
        "SequenceLength",
        "SplitToSequence",
        "StringConcat",
        "StringNormalizer",
        "StringSplit",
        "TfIdfVectorizer",
        "Unique",
    }
)
"""Operators of the standard domain that no cost is known of: texts, sequences, and what is made of
them; signals; and those whose result is as long as the values have it."""


def effect_of(entry: Operator, call: Call, names: Sequence[str]) -> Effect | None:
    """What a rule says; None if it does not cover the call, or ONNX infers another shape.

    `names` are those of the outputs, empty where one is not asked for.
    """
    missing = [at for at, name in enumerate(names) if name and call.outputs[at] is None]
    if entry.rule is None:
        return None if missing else Effect(())
    try:
        effect = entry.rule(call)
    except (Declined, IndexError, TypeError, ZeroDivisionError, ValueError, LookupError):
        return None
    known = call.outputs[0] if call.outputs else None
    made = effect.shapes or (effect.shape,)
    fits = known is None or known.shape == effect.shape
    return effect if fits and all(at < len(made) for at in missing) else None
