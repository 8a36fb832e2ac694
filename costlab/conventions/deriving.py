"""From a traced forward to what each counter would print of it: the rules applied, place by place.

Runs no counter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from costlab.analysis import report_on
from costlab.conventions.explanation import Explained, Explanation
from costlab.conventions.places import calls, operations
from costlab.conventions.rules import ANY
from costlab.tracing import trace
from costlab.tracing.scopes import registered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    import torch

    from costlab.conventions.places import Place
    from costlab.conventions.rules import Rule, Tool
    from costlab.graph import Graph


def explain(
    model: torch.nn.Module,
    inputs: Any,
    tools: Iterable[Tool],
    *,
    mode: str,
    name: str,
    on: str = "auto",
) -> Explanation:
    """What each counter prints of a forward, term by term; the model is as it was.

    `on` is what the forward runs on, as in `costlab.analyze`.

    Raises:
        UsageError: an argument that cannot be used.
        TraceError: the forward stopped.
    """
    graph = trace(model, inputs, mode=mode, on=on)
    report = report_on(graph, name, mode)
    modules = dict(registered(model))
    as_given = Forward(graph, modules, training=mode == "train")
    in_eval = as_given
    if mode == "train":
        in_eval = Forward(trace(model, inputs, mode="eval", on=on), modules, training=False)
    return Explanation(
        model=name,
        mode=mode,
        inputs=report.inputs,
        macs=report.total.macs,
        counters=tuple(
            derive(tool, in_eval if tool.always_eval else as_given, report.total.macs)
            for tool in tools
        ),
        versions=report.versions,
        convention=report.convention,
        warnings=report.warnings,
    )


class Forward(NamedTuple):
    """A traced forward with the modules at their paths."""

    graph: Graph
    modules: Mapping[str, torch.nn.Module]
    training: bool

    @property
    def macs(self) -> int:
        """Its multiply-adds, as costlab counts them."""
        return sum(node.macs for node in self.graph.nodes)

    @property
    def batch(self) -> int:
        """The first size of the first positional input; 1 where there is none."""
        for name, number in zip(self.graph.input_names, self.graph.inputs, strict=True):
            if not name:
                return next(iter(self.graph.tensors[number].spec.shape), 1)
        return 1


def derive(tool: Tool, forward: Forward, macs: int) -> Explained:
    """What a counter prints of a forward; its terms add up to the difference from `macs`.

    Units: `macs` multiply-adds, those that costlab counts in the mode that was asked for.
    """
    counted = Counted()
    graph, modules, training = forward
    closed = [path for path, module in modules.items() if tool.encloses(module)]
    inside = tuple(path and f"{path}." for path in closed)
    for place in calls(graph, modules, training=training):
        if f"{place.path}.".startswith(inside):
            counted.enclosed(tool, place, itself=place.path in closed)
        else:
            counted.apply(tool.by_module, place, place.kind)
    if tool.per_image and forward.batch > 1:
        inner = counted.total
        counted.add(
            "its number is an image's: what modules add, over the batch",
            inner // forward.batch - inner,
        )
    exact = True
    for place in operations(graph, modules, training=training):
        # A module of torch's own calls by the names that are patched.
        exact = exact and (bool(place.kind) or place.op not in tool.alike)
        counted.apply(tool.by_operation, place, place.op)
    counted.add(
        tool.unseen,
        -sum(node.macs for number, node in enumerate(graph.nodes) if number not in counted.claimed),
    )
    counted.add("it measures in eval mode, whatever mode is asked for", forward.macs - macs)
    terms = tuple((reason, amount) for reason, amount in counted.terms.items() if amount)
    return Explained(
        tool.name,
        tool.version,
        tool.how,
        tool.unit,
        tool.per_mac,
        macs + sum(amount for _, amount in terms),
        terms,
        exact=exact,
    )


class Counted:
    """What a counter has added so far: the differences by reason, and whose contractions it saw."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.terms: dict[str, int] = {}
        self.claimed: set[int] = set()
        self.total = 0

    def add(self, reason: str, amount: int) -> None:
        """Adds to a reason."""
        self.terms[reason] = self.terms.get(reason, 0) + amount

    def enclosed(self, tool: Tool, place: Place, *, itself: bool) -> None:
        """What it adds for an enclosing module itself, or leaves out of what is in it."""
        if itself and tool.enclosing is not None:
            self.apply((tool.enclosing,), place, "")
        elif self.claimed.isdisjoint(place.nodes):
            self.claimed.update(place.nodes)
            self.add("layers in a module that stands for all in it are not seen", -place.macs)

    def apply(self, rules: Iterable[Rule], place: Place, key: str) -> None:
        """What rules add at a place; a contraction that was seen before counts a second time."""
        for rule in rules:
            if (key not in rule.at and rule.at is not ANY) or not rule.when(place):
                continue
            amount = rule.amount(place)
            self.total += amount
            if rule.replaces and self.claimed.isdisjoint(place.nodes):
                self.claimed.update(place.nodes)
                amount -= place.macs
            if amount:
                self.add(rule.reason or "counted differently", amount)
