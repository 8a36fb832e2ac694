"""`hf:PATH`, `hf:LlamaConfig(…)`: transformers' models, made from a configuration alone.

Does not know what they cost. No code of a folder is run, no weight is read, nothing is downloaded.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costlab.errors import NoSuchModelError, SourceError, UsageError, did_you_mean
from costlab.sources.importing import told
from costlab.sources.libraries import library, offline, quiet

if TYPE_CHECKING:
    import torch

    from costlab.sources.text import Words

EXTRA = "hf"
CONFIG = "config.json"
LARGEST_CONFIG = 16 << 20
"""Bytes of a config.json; those of real models have a few thousand."""
TOKENS = 128
"""Tokens of the default input, or as many as the model has places for."""
RATE = 16_000
"""Samples of the default sound: a second at the rate that speech models are trained at."""


def build(words: Words, name: str) -> torch.nn.Module:
    """The model that a configuration describes, without weights.

    Raises:
        UsageError: there is no such configuration, or it has no such fields.
        SourceError: transformers is not there, or the model does not build.
    """
    from costlab.sources.factories import made_by

    with offline(), quiet():
        transformers: Any = library("transformers", EXTRA)
        config, kind = _configured(transformers, words, name)
        return made_by(
            lambda: _made(transformers, config, kind),
            words._replace(args=(), kwargs={}),
            words.place,
        )


def _configured(transformers: Any, words: Words, name: str) -> tuple[Any, Any]:
    """The configuration, and the class of the model if one was named."""
    if words.args:
        message = (
            f"{words.place} takes arguments by name only, such as hf:BertConfig(hidden_size=256)"
        )
        raise UsageError(message)
    if name.isidentifier() and not Path(name).exists():
        found = getattr(transformers, name, None) if name in dir(transformers) else None
        base = getattr(found, "config_class", None)
        if isinstance(found, type) and isinstance(base, type):
            return _fields(base, words, name), found
        if isinstance(found, type) and issubclass(found, transformers.PretrainedConfig):
            return _fields(found, words, name), None
        known = [each for each in dir(transformers) if each.endswith(("Config", "Model", "LM"))]
        message = (
            f"transformers has no configuration {name!r}, nor is there a folder of that name."
            f"{did_you_mean(name, known) or did_you_mean(f'{name}Config', known)}"
        )
        raise NoSuchModelError(message)
    return _read(transformers, words, name), None


def _fields(kind: Any, words: Words, name: str) -> Any:
    unknown = [field for field in words.kwargs if field not in _known(kind)]
    if unknown:
        message = f"{name} has no field {unknown[0]!r}.{did_you_mean(unknown[0], _known(kind))}"
        raise UsageError(message)
    try:
        return kind(**words.kwargs)
    except Exception as error:
        message = f"hf:{name} could not be configured{told(error)}"
        raise SourceError(message) from error


def _known(kind: Any) -> list[str]:
    """The fields that a class of configurations has, from its defaults."""
    plain = kind().to_dict()
    return [*plain, *inspect.signature(kind).parameters, *getattr(kind, "attribute_map", {})]


def _read(transformers: Any, words: Words, name: str) -> Any:
    path = Path(name)
    file = path / CONFIG if path.is_dir() else path
    if not file.is_file():
        message = (
            f"there is no {file}; hf: takes a local folder with a {CONFIG}, or such a file, and "
            "downloads nothing"
        )
        raise NoSuchModelError(message)
    if file.stat().st_size > LARGEST_CONFIG:
        message = f"{file} is too large for a configuration"
        raise SourceError(message)
    try:
        config = transformers.AutoConfig.from_pretrained(
            str(file), trust_remote_code=False, local_files_only=True
        )
    except Exception as error:
        text = str(error)
        if "trust_remote_code" in text:
            text = (
                f"it needs code of its own, which is not run; name the code: {path}/file.py:Class"
            )
        else:
            text = text.strip().partition("\n")[0]
        message = (
            f"{file} is no configuration that transformers {transformers.__version__} knows: {text}"
        )
        raise SourceError(message) from error
    for field, value in words.kwargs.items():
        if not hasattr(config, field):
            message = f"{file} has no field {field!r}.{did_you_mean(field, config.to_dict())}"
            raise UsageError(message)
        setattr(config, field, value)
    return config


def _made(transformers: Any, config: Any, kind: Any) -> Any:
    named = getattr(config, "architectures", None) or [""]
    if kind is None and named[0] in dir(transformers):
        kind = getattr(transformers, named[0])
    if kind is not None:
        return kind._from_config(config)  # noqa: SLF001 - what AutoModel.from_config calls
    return transformers.AutoModel.from_config(config, trust_remote_code=False)


def inputs(words: Words, name: str, model: torch.nn.Module) -> tuple[str, ...] | None:
    """What a model's main input is by its configuration: tokens, an image, or sound.

    Tokens are 128, or as many as the model has places for; an image has the configured size; sound
    is a second, or the frames that the encoder is made for. None if it is something else.
    """
    del words, name
    found: list[str | None] = []
    main = getattr(model, "main_input_name", "")
    config: Any = getattr(model, "config", None)
    takes = inspect.signature(model.forward).parameters
    vision = getattr(config, "vision_config", None)
    if main == "input_ids":
        found.append(f"input_ids=i64[1,{_tokens(config)}]")
        if "pixel_values" in takes and vision is not None:
            found.append(_image(vision))
    elif main == "pixel_values":
        if "input_ids" in takes and hasattr(config, "text_config"):
            found.append(f"input_ids=i64[1,{_tokens(config)}]")
        found.append(_image(config) or _image(vision))
    elif main == "input_features":
        found.append(_frames(config))
    elif main == "input_values":
        found.append(f"input_values=f32[1,{RATE}]")
    if getattr(config, "is_encoder_decoder", False) and "decoder_input_ids" in takes:
        found.append(f"decoder_input_ids=i64[1,{_tokens(config)}]")
    told = tuple(spec for spec in found if spec is not None)
    return told if told and len(told) == len(found) else None


def _tokens(config: Any) -> int:
    text = getattr(config, "text_config", None) or config
    places = getattr(text, "max_position_embeddings", None)
    return min(TOKENS, places) if isinstance(places, int) and places > 0 else TOKENS


def _image(config: Any) -> str | None:
    """An image of the configured size, or the frames of a clip; None if none is configured."""
    size: Any = getattr(config, "image_size", None)
    channels = getattr(config, "num_channels", None)
    if not size or not channels:
        return None
    high, wide = tuple(size) if isinstance(size, list | tuple) else (size, size)
    frames = getattr(config, "num_frames", None)
    clip = f"{frames}," if isinstance(frames, int) else ""
    return f"pixel_values=f32[1,{clip}{channels},{high},{wide}]"


def _frames(config: Any) -> str | None:
    """The frames of sound that fill an encoder, whose first convolutions halve them once."""
    bins = getattr(config, "num_mel_bins", None)
    places = getattr(config, "max_source_positions", None)
    return f"input_features=f32[1,{bins},{2 * places}]" if bins and places else None
