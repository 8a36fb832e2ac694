"""`timm:NAME`: the models that timm registers, and the images they were trained on.

Does not know what they cost. Weights are never asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costlab.sources.libraries import arguments, library, offline, one_of, quiet

if TYPE_CHECKING:
    import torch

    from costlab.sources.text import Words

EXTRA = "zoo"


def build(words: Words, name: str) -> torch.nn.Module:
    """The model of a name, without weights.

    Raises:
        UsageError: timm lists no such model, or the arguments are not its.
        SourceError: timm is not there, or the model does not build.
    """
    from costlab.sources.factories import made_by

    given = arguments(words, "num_classes=10")
    with offline(), quiet():
        timm: Any = library("timm", EXTRA)
        # A tag (`resnet50.a1_in1k`) says which weights, and with them which size of image.
        plain, dot, _ = name.partition(".")
        known = timm.list_models(pretrained=True) if dot else ()
        found = (
            name
            if name in known
            else one_of(plain if not dot else name, timm.list_models(), "timm")
        )
        return made_by(
            lambda **kwargs: timm.create_model(found, **kwargs),
            words._replace(kwargs=given),
            words.place,
        )


def inputs(words: Words, name: str, model: torch.nn.Module) -> tuple[str, ...] | None:
    """An image of the size that timm's configuration of the model says, or that it was built for.

    None if it says none.
    """
    del name
    configured = getattr(model, "pretrained_cfg", None) or {}
    size = configured.get("input_size")
    if not size:
        return None
    channels, high, wide = size
    channels = words.kwargs.get("in_chans", channels)
    told = words.kwargs.get("img_size", (high, wide))
    high, wide = (told, told) if isinstance(told, int) else tuple(told)  # type: ignore[arg-type]  # a pair
    return (f"f32[1,{channels},{high},{wide}]",)
