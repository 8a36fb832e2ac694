"""What is said to a user whose model needs inputs: its arguments, and a command to be copied.

Does not know where the model comes from. The command's inputs are guessed from the layers, and
tried: a forward on shapes is cheap.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import warnings
from itertools import islice
from shlex import quote
from typing import TYPE_CHECKING, Any

from torch import nn

from costlab.errors import CostlabError
from costlab.tracing import trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Parameters = list[inspect.Parameter]
    Keys = dict[str, dict[str, None]]

IMAGE = "f32[1,3,224,224]"
TOKENS, STEPS = 128, 16
SIDES = (224, 32, 28, 64, 227, 299, 512)
"""Sides of images that networks are commonly made for; the first that a forward takes is named."""
CLIP = (16, 112, 112)
TRIES = 16
"""Forwards that are tried; a large model's takes a second."""
STARS = {"VAR_POSITIONAL": "*", "VAR_KEYWORD": "**"}
LITERALS = {"bool": "False", "int": "1", "float": "1.0", "str": "''"}


def asked(model: nn.Module, name: str) -> str:
    """The forward's arguments with their annotations, and a command that gives it inputs."""
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):
        signature = inspect.Signature()
    needed = _needed(signature)
    told = f"{name} needs its inputs: forward{_shown(signature)}. Give one spec an argument"
    tried = list(islice(_guesses(model, needed), TRIES))
    for specs in tried:
        if _takes(model, specs):
            return f"{told}; these it takes: {_command(name, specs)}"
    return (
        f"{told}, for example (types and shapes are yours to fill in): {_command(name, tried[0])}"
    )


def _command(name: str, specs: tuple[str, ...]) -> str:
    options = " ".join(f"--input '{spec}'" for spec in specs)
    return f"costlab report {quote(name)} {options}"


def _takes(model: nn.Module, specs: tuple[str, ...]) -> bool:
    """Whether a forward in eval mode comes to its end; what it warns of is of no guess."""
    with warnings.catch_warnings(action="ignore"):
        try:
            trace(model, specs, mode="eval")
        except CostlabError:
            return False
    return True


def _needed(signature: inspect.Signature) -> Parameters:
    """The arguments without a default; the first that there is, if all have one."""
    single = [
        parameter
        for parameter in signature.parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    return [one for one in single if one.default is one.empty] or single[:1]


def _guesses(model: nn.Module, needed: Parameters) -> Iterator[tuple[str, ...]]:
    """What the forward might be given, the likeliest first.

    All tensors are what the first layer reads, then each what a layer of its own does.
    """
    layers = list(dict.fromkeys(_read_by_layers(model))) or [(IMAGE,)]
    keys = _keys(model)
    # The common sides of each of the first layers, then one layer an argument.
    for several in layers[: len(needed) + 2]:
        for spec in several:
            yield _filled(needed, [spec] * max(1, len(needed)), keys)
    first = [several[0] for several in layers]
    if len(needed) > 1:
        each = [first[min(n, len(first) - 1)] for n in range(len(needed))]
        yield _filled(needed, each, keys)


def _keys(model: nn.Module) -> Keys:
    """The keys by which the forward reads each name; none where its code cannot be read."""
    try:
        code = ast.parse(textwrap.dedent(inspect.getsource(model.forward)))
    except (OSError, SyntaxError, TypeError, ValueError, RecursionError):
        return {}
    found: Keys = {}
    for node in ast.walk(code):
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(key))):
                # One that no spec can spell is left out.
                found.setdefault(name, {}).update({key: None} if key.isidentifier() else {})
    return found


def _filled(needed: Parameters, tensors: list[str], keys: Keys) -> tuple[str, ...]:
    """One text an argument, in which its tensors are these."""
    if not needed:
        return (tensors[0],)
    texts: list[str] = []
    for one, spec in zip(needed, tensors, strict=True):
        text = _spelled(one, spec, tuple(keys.get(one.name, ())))
        texts.append(f"{one.name}={text}" if one.kind is one.KEYWORD_ONLY else text)
    return tuple(texts)


def _spelled(parameter: inspect.Parameter, spec: str, keys: tuple[str, ...] = ()) -> str:
    """A value of the annotated kind, or a dict if it is read by keys.

    >>> kind = inspect.Parameter.POSITIONAL_ONLY
    >>> _spelled(inspect.Parameter("x", kind, annotation="tuple[Tensor, Tensor]"), "f32[2]")
    '(f32[2],f32[2])'
    >>> _spelled(inspect.Parameter("x", kind), "f32[2]", ("a", "b"))
    '{a: f32[2], b: f32[2]}'
    """
    told = _annotation(parameter.annotation)
    if told in LITERALS:
        return LITERALS[told]
    outer, _, inner = told.partition("[")
    tensors = max(1, inner.count("Tensor"))
    if outer.lower() in {"list", "sequence", "iterable"}:
        return f"[{spec}]"
    if outer.lower() == "tuple":
        return f"({','.join([spec] * tensors)})"
    if keys or outer.lower() in {"dict", "mapping"}:
        return f"{{{', '.join(f'{key}: {spec}' for key in keys or ('x',))}}}"
    return spec


def _annotation(annotation: Any) -> str:
    """An annotation in short: `Tensor`, `tuple[Tensor, int]`; empty if there is none."""
    if annotation is inspect.Parameter.empty:
        return ""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b[\w.]*\.(\w+)", r"\1", text)


def _shown(signature: inspect.Signature) -> str:
    """A signature with short annotations, and without what comes back."""
    parts: list[str] = []
    star = False
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not star:
            parts.append("*")
        star = star or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        told = _annotation(one.annotation)
        prefix = STARS.get(one.kind.name, "")
        default = "" if one.default is one.empty else f"{' = ' if told else '='}{one.default!r}"
        parts.append(f"{prefix}{one.name}{f': {told}' if told else ''}{default}")
    return f"({', '.join(parts)})"


def _floats(*sizes: int) -> str:
    return f"f32[1,{','.join(map(str, sizes))}]"


def _images(channels: int, sides: tuple[int, ...] = SIDES) -> tuple[str, ...]:
    return tuple(_floats(channels, side, side) for side in sides)


READ: dict[type[nn.Module], Callable[[Any], tuple[str, ...]]] = {
    nn.Embedding: lambda _: (f"i64[1,{TOKENS}]",),
    nn.EmbeddingBag: lambda _: (f"i64[1,{STEPS}]",),
    nn.Conv1d: lambda layer: (_floats(layer.in_channels, TOKENS),),
    nn.Conv2d: lambda layer: _images(layer.in_channels),
    nn.Conv3d: lambda layer: (_floats(layer.in_channels, *CLIP),),
    nn.ConvTranspose2d: lambda layer: _images(layer.in_channels, (1, 8)),
    nn.Linear: lambda one: (_floats(one.in_features), _floats(STEPS, one.in_features)),
    nn.RNNBase: lambda layer: (_floats(STEPS, layer.input_size),),
    nn.MultiheadAttention: lambda layer: (_floats(STEPS, layer.embed_dim),),
    nn.LayerNorm: lambda layer: (_floats(STEPS, *layer.normalized_shape),),
    nn.BatchNorm1d: lambda layer: (_floats(layer.num_features),),
    nn.BatchNorm2d: lambda layer: _images(layer.num_features),
}
"""What a layer reads: some likely sizes of it."""


def _read_by_layers(model: nn.Module) -> Iterator[tuple[str, ...]]:
    """What layers read, in the order in which they are registered; of each, some likely sizes."""
    for layer in model.modules():
        if isinstance(layer, nn.Bilinear):
            yield (_floats(layer.in1_features),)
            yield (_floats(layer.in2_features),)
        yield from (reads(layer) for kind, reads in READ.items() if isinstance(layer, kind))
