"""The operations of an exported program in their order: what each reads, makes, and where it ran.

Does not know what runs them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Any

from costlab.sources.exported_control import CONTROL, Part, controlled
from costlab.sources.exported_ops import function_of
from costlab.sources.exported_trees import flat
from costlab.sources.exported_values import BrokenError, argument, names_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HIGHER = "torch.ops.higher_order."
INLINED = ("wrap_with_set_grad_enabled", "wrap_with_autocast")
"""Graphs in a graph that run as they are, once."""
ORDERED = "with_effects"
"""An operation between tokens, by which an export keeps the order of what has effects."""
DEEPEST = 64
NOWHERE = "_empty_nn_module_stack_from_metadata_hook"
"""What torch writes where an operation ran in no module (torch/_export/passes)."""
_CALL = re.compile(r"@[0-9]+$")
Values = dict[str, Any]


@dataclass(slots=True)
class Step:
    """One operation: what it does, what it reads, the names of what it makes, and where it ran."""

    run: Callable[[list[tuple[str, Any]]], Any]
    inputs: Sequence[tuple[str, Any]]
    outputs: tuple[str, ...]
    stack: tuple[tuple[str, str, str], ...]
    """Call, path and class of each module around it, from the outermost on, without the root."""
    until: int = 0
    """The last step that reads what it makes."""
    parts: Sequence[Part] = ()
    """The graphs that it is given."""

    def do(self, values: Values) -> None:
        """Computes what it makes from what was made before."""
        given = [(name, argument(told, values)) for name, told in self.inputs]
        made = self.run(given)
        results = flat(made) if len(self.outputs) > 1 or isinstance(made, list | tuple) else [made]
        if self.outputs and len(results) != len(self.outputs):
            raise BrokenError(f"{self.outputs[0]} is one of {len(results)} results")
        values.update(zip(self.outputs, results, strict=False))


def steps_of(nodes: Any, owners: Mapping[str, str], depth: int = 0) -> list[Step]:
    """The steps of a graph's nodes, those of graphs that are wrapped in it among them.

    `owners` are the paths of the modules that hold weights, by the weights' names.

    Raises:
        BrokenError: a node is not as torch writes it, or no operation of torch's own.
    """
    found: list[Step] = []
    for node in nodes:
        try:
            target, told = str(node["target"]), node["inputs"]
            inputs = [(str(one.get("name") or ""), one["arg"]) for one in told]
            outputs = tuple(names_in(node["outputs"]))
            stack = _stack(str(node["metadata"].get("nn_module_stack", "")))
        except (AttributeError, KeyError, TypeError) as error:
            raise BrokenError(f"an operation has no {error}") from error
        last = target.rpartition(".")[2]
        if target.startswith(HIGHER) and last in INLINED and depth < DEEPEST:
            found += _inlined(inputs, outputs, owners, depth)
        elif target.startswith(HIGHER) and last in CONTROL and depth < DEEPEST:
            plain = [(name, told) for name, told in inputs if "as_graph" not in told]
            given = list(names_in([told for _, told in plain]))
            parts = [
                _part(told, given, owners, stack, depth) for _, told in inputs if "as_graph" in told
            ]
            found.append(Step(controlled(last, parts), plain, outputs, stack, parts=parts))
        else:
            if target == HIGHER + ORDERED:
                target, inputs, outputs = _ordered(inputs, outputs)
            found.append(Step(function_of(target, len(outputs)), inputs, outputs, stack))
    return found


def _ordered(
    inputs: list[tuple[str, Any]], outputs: tuple[str, ...]
) -> tuple[str, list[tuple[str, Any]], tuple[str, ...]]:
    """An operation that keeps its order by tokens, as it is without them."""
    try:
        (_, (_, operation), *given) = inputs
        return str(operation["as_operator"]), given, outputs[1:]
    except (KeyError, TypeError, ValueError) as error:
        raise BrokenError(f"{ORDERED} in it has no operation") from error


def _inlined(
    inputs: list[tuple[str, Any]], outputs: tuple[str, ...], owners: Mapping[str, str], depth: int
) -> list[Step]:
    """The steps of a graph in the graph, between steps that pass on what it reads and returns."""
    try:
        place = next(n for n, (_, told) in enumerate(inputs) if "as_graph" in told)
        graph = inputs[place][1]["as_graph"]["graph"]
        inner = tuple(names_in(graph["inputs"]))
        results = [("", told) for told in graph["outputs"]]
        given = list(names_in([told for _, told in inputs[place + 1 :]]))
        steps = steps_of(graph["nodes"], _within(inner, given, owners), depth + 1)
    except (KeyError, TypeError, StopIteration) as error:
        raise BrokenError("a graph within the graph is damaged") from error
    return [
        Step(_passed, inputs[place + 1 :], inner, ()),
        *steps,
        Step(_passed, results, outputs, ()),
    ]


def _within(
    names: Sequence[str], given: Sequence[str], owners: Mapping[str, str]
) -> dict[str, str]:
    """The owners of what a graph in the graph is given, by the names that it has there.

    What stands before it, such as the predicate of a branch, decides and is not passed on.
    """
    passed = given[max(len(given) - len(names), 0) :]
    if len(passed) < len(names):  # numbers are among what is passed on
        return {}
    return {name: owners[told] for name, told in zip(names, passed, strict=True) if told in owners}


def _part(
    told: Any,
    given: Sequence[str],
    owners: Mapping[str, str],
    outer: tuple[tuple[str, str, str], ...],
    depth: int,
) -> Part:
    """A graph that an operation is given, whose steps run in the modules whose weights they read.

    Raises:
        BrokenError: it is not as torch writes it.
    """
    try:
        graph = told["as_graph"]["graph"]
        names, results = tuple(names_in(graph["inputs"])), list(graph["outputs"])
        inside = _within(names, given, owners)
        steps = steps_of(graph["nodes"], inside, depth + 1)
    except (KeyError, TypeError) as error:
        raise BrokenError("a graph within the graph is damaged") from error
    place(steps, inside, outer[-1][1] if outer else "")
    settle(steps, results)
    return Part(names, list(enumerate(steps)), results)


def place(steps: Sequence[Step], owners: Mapping[str, str], around: str) -> None:
    """Tells steps that torch wrote down without a module where they ran, by what they read.

    One that reads weights ran in the module that holds them; one between two others in the
    innermost module around both. `around` is the module in which all of them are.
    """
    homes = [_home(step, owners, around) for step in steps]
    before = list(accumulate(homes, _last))
    after = list(accumulate(reversed(homes), _last))[::-1]
    for step, home, sooner, later in zip(steps, homes, before, after, strict=True):
        both = takewhile(lambda pair: pair[0] == pair[1], zip(sooner, later, strict=False))
        path = home or [part for part, _ in both]
        start = around.split(".") if around else []
        step.stack = step.stack or tuple(
            ("", ".".join([*start, *path[:level]]), "Module") for level in range(1, len(path) + 1)
        )


def _last(before: list[str], home: list[str]) -> list[str]:
    return home or before


def _home(step: Step, owners: Mapping[str, str], around: str) -> list[str]:
    """The path, below the module around, of the one module whose weights a step reads, or none."""
    read = {owners[name] for name in names_in([told for _, told in step.inputs]) if name in owners}
    if len(read) != 1:
        return []
    path, start = next(iter(read)), f"{around}." if around else ""
    inside = path.startswith(start) and path.count(".") < DEEPEST
    return path.removeprefix(start).split(".") if inside and path else []


def _passed(given: list[tuple[str, Any]]) -> list[Any]:
    return [value for _, value in given]


def _stack(text: str) -> tuple[tuple[str, str, str], ...]:
    """The modules around an operation, without the root: `call,path,class` each, by semicolons."""
    found: list[tuple[str, str, str]] = []
    for entry in text.split(";"):
        call, _, rest = entry.partition(",")
        path, _, kind = rest.rpartition(",")
        plain = _CALL.sub("", path)
        inside = plain != NOWHERE and all(
            part.replace("_", "a").isalnum() for part in plain.split(".")
        )
        if plain and inside and plain.count(".") < DEEPEST and len(found) < DEEPEST:
            found.append((call, plain, _class(kind)))
    return tuple(found)


def _class(text: str) -> str:
    """The last part of a class's name, as the name of a class."""
    name = text.rpartition(".")[2]
    return name if name.isidentifier() else "Module"


def class_of(nodes: Any) -> str:
    """The class of the model that was exported, as its operations tell it."""
    for node in nodes:
        first = str(node["metadata"].get("nn_module_stack", "")).partition(";")[0]
        if first.count(",") > 1 and first.split(",")[1] == "":
            return _class(first.rpartition(",")[2])
    return "Program"


def settle(steps: Sequence[Step], results: Any) -> None:
    """Notes of each step which is the last that reads what it makes."""
    last: dict[str, int] = dict.fromkeys(names_in(results), len(steps))
    for place in range(len(steps) - 1, -1, -1):
        step = steps[place]
        step.until = max((last.get(name, 0) for name in step.outputs), default=0)
        for name in names_in([told for _, told in step.inputs]):
            last.setdefault(name, place)
