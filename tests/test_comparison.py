"""The comparison as a document: what follows from its numbers, and what damages it."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from costlab.comparison import Compared, Comparison, Errors
from costlab.errors import DocumentError
from costlab.report import Total
from costlab.schemas import schema


def network(
    name: str, macs: int, top1: float | None = None, *, params: int = 10, **changes: Any
) -> Compared:
    """A network of these multiply-adds and this top-1 error, as published."""
    total = Total(macs, 2 * macs, params, params, 3, 4, 5, 6)
    accuracy = () if top1 is None else (Errors(top1, None, "a table"),)
    made = Compared(name, ("f32[1,3,8,8]",), total, accuracy=accuracy, as_published=True)
    return replace(made, **changes)


def compared(*networks: Compared) -> Comparison:
    """A comparison of these."""
    return Comparison("eval", networks, "MACs: …", {"costlab": "0.1.0"})


def marks(*networks: Compared) -> dict[str, bool | None]:
    """The mark of each, by name."""
    comparison = compared(*networks)
    return {each.model: comparison.marked(each) for each in networks}


def test_ratios_are_to_the_first() -> None:
    """Multiply-adds and parameters are told beside those of the network named first."""
    small, large = network("small", 400, params=8), network("large", 1000, params=2)
    comparison = compared(small, large)
    assert [comparison.macs_ratio(each) for each in (small, large)] == [1.0, 1000 / 400]
    assert [comparison.params_ratio(each) for each in (small, large)] == [1.0, 2 / 8]


def test_no_ratio_to_nothing() -> None:
    """There is none where the first has no multiply-adds or parameters, nor to a lower bound."""
    idle, busy = network("idle", 0, params=0), network("busy", 5)
    assert compared(idle, busy).macs_ratio(busy) is None
    assert compared(idle, busy).params_ratio(busy) is None
    bound = network("bound", 5, unknown=("sort",))
    assert compared(bound, busy).macs_ratio(busy) is None
    assert compared(busy, bound).macs_ratio(bound) is None
    assert compared(busy, bound).params_ratio(bound) == 1.0


def test_what_is_surpassed_is_not_marked() -> None:
    """A network is marked unless another has no more MACs and no higher error, and less of one."""
    found = marks(
        network("cheap", 10, 30.0),
        network("good", 50, 20.0),
        network("worse for as much", 50, 21.0),
        network("dearer for as good", 60, 20.0),
        network("between", 30, 25.0),
        network("surpassed in both", 31, 26.0),
    )
    assert [name for name, mark in found.items() if mark] == ["cheap", "good", "between"]
    assert False in found.values()


def test_equals_are_both_marked() -> None:
    """Two networks of one cost and one error do not surpass each other."""
    assert marks(network("a", 10, 30.0), network("b", 10, 30.0)) == {"a": True, "b": True}


@pytest.mark.parametrize(
    "changes",
    [
        {"accuracy": ()},
        {"accuracy": (Errors(5.0, None, "a table", crops=10),)},
        {"accuracy": (Errors(5.0, None, "a table", crops=None),)},
        {"accuracy": (Errors(5.0, None, "a table", models=4),)},
        {"accuracy": (Errors(None, 5.0, "a table"),)},
        {"as_published": False},
        {"unknown": ("sort",)},
    ],
    ids=str,
)
def test_what_does_not_compete(changes: dict[str, Any]) -> None:
    """Without an error of one network on one crop, or with a mere bound: no mark, no rival."""
    other = network("other", 1, 5.0, **changes)
    assert marks(network("own", 10, 30.0), other) == {"own": True, "other": None}
    assert marks(network("own", 10, 30.0), network("other", 1, 5.0))["own"] is False


def test_the_errors_are_the_comparable_ones() -> None:
    """Of several printed errors those of one network on one crop are taken."""
    single = Errors(21.2, 5.6, "a table")
    accuracy = (Errors(19.47, 4.48, "another", crops=12), single)
    assert network("net", 1, accuracy=accuracy).errors == single


def document() -> Any:
    """A comparison with each kind of network, as JSON holds it."""
    networks = (
        network("first", 10, 30.0),
        network("second", 20, 20.5, warnings=("a remark",)),
        network("third", 5, unknown=("sort",), as_published=False),
    )
    return json.loads(compared(*networks).to_json())


def test_saved_and_loaded() -> None:
    """What is loaded is what was saved, valid by its schema; a key more is left out."""
    saved = document()
    errors = Draft202012Validator(schema("costlab.compare/1")).iter_errors(saved)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []
    assert Comparison.from_dict(saved).to_dict() == saved
    assert Comparison.from_dict(saved | {"novel": 1}).to_dict() == saved


def test_marks_stand_in_the_document() -> None:
    """A program need not work out marks, bounds and ratios."""
    first, second, third = document()["networks"]
    assert (first["pareto"], second["pareto"], third["pareto"]) == (True, True, None)
    assert (first["lower_bound"], third["lower_bound"]) == (False, True)
    assert (second["macs_ratio"], third["macs_ratio"]) == (2.0, None)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value in a document."""
    if not isinstance(value, dict | list):
        return [path]
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    below = [place for key, part in pairs for place in places(part, (*path, key))]
    return [path, *below] if path else below


@pytest.mark.parametrize("wrong", [{}, -1, 1.5, "novel", [[]]], ids=str)
def test_damage_is_found(wrong: Any) -> None:
    """A value of another kind, or one that does not follow from the rest, is refused."""
    undamaged = []
    for path in places(document()):
        edited = copy.deepcopy(document())
        at = edited
        for key in path[:-1]:
            at = at[key]
        if at[path[-1]] == wrong or (isinstance(at[path[-1]], str) and isinstance(wrong, str)):
            continue
        at[path[-1]] = wrong
        try:
            Comparison.from_dict(edited)
        except DocumentError:
            continue
        undamaged.append(path)
    # The schema is the loader's to read, there may be no versions, and 1.5 may be a percentage.
    sound = {"schema", "versions", "top1_error", "top5_error"}
    assert {path[-1] for path in undamaged} <= sound


def test_a_missing_key_is_found() -> None:
    """Each key of a network is needed."""
    for key in document()["networks"][0]:
        edited = document()
        del edited["networks"][1][key]
        with pytest.raises(DocumentError, match=f"the comparison is damaged: .*{key}"):
            Comparison.from_dict(edited)


def test_one_network_is_no_comparison() -> None:
    """A comparison is of two at least, in the schema as in the code."""
    with pytest.raises(ValueError, match="1 networks are no comparison"):
        compared(network("alone", 1))
    saved = document()
    saved["networks"] = saved["networks"][:1]
    with pytest.raises(DocumentError, match="no comparison"):
        Comparison.from_dict(saved)
    assert not Draft202012Validator(schema("costlab.compare/1")).is_valid(saved)
