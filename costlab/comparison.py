"""The comparison: what several networks cost, as a document that can be saved, loaded and rendered.

Knows neither torch nor the zoo; it is made of reports and of what is published.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from costlab.errors import DocumentError
from costlab.report import Total

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "costlab.compare/1"

Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class Errors:
    """The errors that a source prints for a network, on the ILSVRC 2012 validation set.

    `crops` is how many crops of an image were evaluated, None where the source does not say;
    `models` how many networks voted.

    Units: per cent, as printed.
    """

    top1_error: float | None
    top5_error: float | None
    source: str
    crops: int | None = 1
    models: int = 1

    @property
    def comparable(self) -> bool:
        """Whether they are those of one network on one crop, which is what a forward costs."""
        return self.crops == 1 and self.models == 1 and self.top1_error is not None


@dataclass(frozen=True, slots=True)
class Compared:
    """What one network costs, and how well it is published to do.

    `accuracy` is all that is printed for the network of this name; it is its own only if
    it is `as_published`: built with the catalogue's arguments, and given images of the
    catalogue's size. `unknown` are the operations that could not be counted.
    """

    model: str
    inputs: tuple[str, ...]
    total: Total
    unknown: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    accuracy: tuple[Errors, ...] = ()
    as_published: bool = False

    @property
    def is_lower_bound(self) -> bool:
        """Whether something was not counted, so that the totals are only a lower bound."""
        return bool(self.unknown)

    @property
    def errors(self) -> Errors | None:
        """The errors that may stand beside those of another network; None if there are none."""
        if not self.as_published:
            return None
        return next((errors for errors in self.accuracy if errors.comparable), None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What several networks cost in one mode, in the order in which they were named.

    Raises: ValueError, if there is nothing to compare, or the mode is none.
    """

    mode: str
    networks: tuple[Compared, ...]
    convention: str
    versions: Mapping[str, str]

    def __post_init__(self) -> None:
        """Refuse a comparison of less than two, or in no mode."""
        if self.mode not in ("eval", "train"):
            raise ValueError(f"{self.mode!r} is no mode")
        if len(self.networks) < 2:  # noqa: PLR2004 - the number that makes a comparison
            raise ValueError(f"{len(self.networks)} networks are no comparison")

    @property
    def reference(self) -> Compared:
        """The network named first, which ratios are to."""
        return self.networks[0]

    def macs_ratio(self, network: Compared) -> float | None:
        """Multiply-adds beside those of the first; None unless both are exact, and the first's > 0.

        A ratio to a lower bound would be an upper bound, and read as anything but that.
        """
        if network.is_lower_bound or self.reference.is_lower_bound:
            return None
        return _ratio(network.total.macs, self.reference.total.macs)

    def params_ratio(self, network: Compared) -> float | None:
        """Parameters that this forward uses beside those of the first's; None if that uses none."""
        return _ratio(network.total.params_executed, self.reference.total.params_executed)

    def marked(self, network: Compared) -> bool | None:
        """Whether no other network here is as good for less, or better for as little.

        Of networks with comparable errors, those are marked that no other surpasses: with no more
        multiply-adds and no higher top-1 error, and less of one of them. None for a network that
        has no such errors or whose multiply-adds are only a lower bound: it does not compete.
        """
        own = _standing(network)
        if own is None:
            return None
        others = [standing for other in self.networks if (standing := _standing(other))]
        return not any(
            macs <= own[0] and top1 <= own[1] and (macs, top1) != own for macs, top1 in others
        )

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON holds it: exact integers, and what follows from them."""
        return {
            "schema": SCHEMA,
            "mode": self.mode,
            "convention": self.convention,
            "networks": [self._network(network) for network in self.networks],
            "versions": dict(self.versions),
        }

    def _network(self, network: Compared) -> dict[str, Any]:
        return {
            "model": network.model,
            "inputs": list(network.inputs),
            "total": _plain(network.total),
            "unknown": list(network.unknown),
            "warnings": list(network.warnings),
            "accuracy": [_plain(errors) for errors in network.accuracy],
            "as_published": network.as_published,
            **self._derived(network),
        }

    def _derived(self, network: Compared) -> dict[str, Any]:
        """What a reader of the document need not work out."""
        return {
            "lower_bound": network.is_lower_bound,
            "macs_ratio": self.macs_ratio(network),
            "params_ratio": self.params_ratio(network),
            "pareto": self.marked(network),
        }

    def _check(self, network: Compared, saved: Mapping[str, Any]) -> None:
        """Refuse what does not follow from the numbers beside it."""
        for name, value in self._derived(network).items():
            if saved[name] != value:
                raise ValueError(f"{name} of {network.model} is {saved[name]!r}, not {value!r}")

    def to_json(self) -> str:
        """The document as text."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Comparison:
        """The comparison that a document holds; keys that it does not know it leaves out.

        Raises:
            DocumentError: something is missing, of the wrong kind, or does not follow from it.
        """
        try:
            found = cls(
                mode=_is(str, document["mode"]),
                networks=tuple(_read(network) for network in _is(list, document["networks"])),
                convention=_is(str, document["convention"]),
                versions={
                    _is(str, name): _is(str, told) for name, told in document["versions"].items()
                },
            )
            for network, saved in zip(found.networks, document["networks"], strict=True):
                found._check(network, saved)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            message = f"the comparison is damaged: {type(error).__name__}: {error}"
            raise DocumentError(message) from error
        return found


def _ratio(count: int, first: int) -> float | None:
    return count / first if first else None


def _standing(network: Compared) -> tuple[int, float] | None:
    """Multiply-adds and top-1 error of a network that competes."""
    errors = network.errors
    if errors is None or errors.top1_error is None or network.is_lower_bound:
        return None
    return network.total.macs, errors.top1_error


def _plain(value: Total | Errors) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def _read(found: Mapping[str, Any]) -> Compared:
    return Compared(
        model=_is(str, found["model"]),
        inputs=_texts(found["inputs"]),
        total=Total(**{name: _count(found["total"][name]) for name in Total.__slots__}),
        unknown=_texts(found["unknown"]),
        warnings=_texts(found["warnings"]),
        accuracy=tuple(
            Errors(
                top1_error=_per_cent(errors["top1_error"]),
                top5_error=_per_cent(errors["top5_error"]),
                source=_is(str, errors["source"]),
                crops=None if errors["crops"] is None else _count(errors["crops"]),
                models=_count(errors["models"]),
            )
            for errors in _is(list, found["accuracy"])
        ),
        as_published=_is(bool, found["as_published"]),
    )


def _is(kind: type[Kind], value: Any) -> Kind:
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_is(str, text) for text in _is(list, value))


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _per_cent(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= 100:  # noqa: PLR2004 - the whole
        raise ValueError(f"{value!r} is no percentage")
    return float(value)
