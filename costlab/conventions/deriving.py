"""From a traced forward to what each counter would print of it: the rules applied, place by place.

Runs no counter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from costlab.analysis import report_on
from costlab.conventions.explanation import Explained, Explanation
from costlab.conventions.places import calls, operations
from costlab.conventions.rules import ANY, ATTENTIONS, FAST_PATH
from costlab.errors import CostlabError
from costlab.tracing import trace
from costlab.tracing.scopes import registered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from costlab.conventions.places import Place
    from costlab.conventions.rules import Rule, Tool
    from costlab.graph import Graph


MIXED = "the calls of a module do not do the same each time, and are taken for one"
SCRIPTED = "what is scripted or traced may be seen as other operations, or not at all"
OF_ITS_OWN = "a module has a forward that was put in the place of its class's"
UNFIT = "a module does not do what those of its class do"
LEFT_OUT = "what comes to nothing may be left out of the trace, but for what is written in place"
WRITE_IN_PLACE = frozenset({"lstm_cell", "gru_cell"})
"""What a trace keeps, in part, though nothing comes of it."""


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
    ungraded = _ungraded(model, inputs, modules, on)
    as_given = Forward(graph, modules, training=mode == "train", ungraded=ungraded)
    in_eval = as_given
    if mode == "train":
        graph = trace(model, inputs, mode="eval", on=on)
        in_eval = Forward(graph, modules, training=False, ungraded=ungraded)
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


def _ungraded(
    model: torch.nn.Module, inputs: Any, modules: Mapping[str, torch.nn.Module], on: str
) -> frozenset[str]:
    """Where the forward turns gradients off; asked only where attention might run otherwise."""
    if not any(type(module).__name__ in ATTENTIONS for module in modules.values()):
        return frozenset()
    try:
        graph = trace(model, inputs, mode="train", on=on)
    except CostlabError:  # as of a program that is fixed to eval mode
        return frozenset()
    off = graph.autograd.off if graph.autograd else ()
    return frozenset(node.scope for start, stop in off for node in graph.nodes[start:stop])


class Forward(NamedTuple):
    """A traced forward with the modules at their paths, `ungraded` those without gradients."""

    graph: Graph
    modules: Mapping[str, torch.nn.Module]
    training: bool
    ungraded: frozenset[str] = frozenset()

    @property
    def macs(self) -> int:
        """Its multiply-adds, as costlab counts them."""
        return sum(node.macs for node in self.graph.nodes)

    @property
    def batch(self) -> int:
        """The first size of the only input; 1 where there are several, which are given by name."""
        if len(self.graph.inputs) != 1 or any(self.graph.input_names):
            return 1
        return next(iter(self.graph.tensors[self.graph.inputs[0]].spec.shape), 1)


def derive(tool: Tool, forward: Forward, macs: int) -> Explained:
    """What a counter prints of a forward; its terms add up to the difference from `macs`.

    Units: `macs` multiply-adds, those that costlab counts in the mode that was asked for.
    """
    counted = Counted()
    graph, modules, training, _ = forward
    closed = [path for path, module in modules.items() if tool.encloses(module)]
    inside = tuple(path and f"{path}." for path in closed)
    doubts = dict.fromkeys(_doubts(tool, forward))
    for place in calls(graph, modules, training=training):
        if place.mixed and any(place.kind in rule.at or rule.at is ANY for rule in tool.by_module):
            doubts[MIXED] = None
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
    for place, view in operations(graph, modules, training=training):
        doubts |= {
            doubt.reason: None
            for doubt in tool.doubts
            if (place.op in doubt.at or doubt.at is ANY) and doubt.when(place)
        }
        unused = (
            tool.traced and not place.used and any(place.op in one.at for one in tool.by_operation)
        )
        if unused:
            doubts[LEFT_OUT] = None
        if unused and place.op not in WRITE_IN_PLACE:
            counted.claimed.update(place.nodes)
            counted.add("what comes to nothing is left out of the trace", -place.macs)
        elif not view:
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
        doubts=(*doubts, *((UNFIT,) if counted.unfit else ())),
    )


def _doubts(tool: Tool, forward: Forward) -> Iterator[str]:
    """Why a counter may see modules otherwise than they are seen here."""
    for path, module in forward.modules.items():
        if (
            FAST_PATH in tool.doubts
            and path in forward.ungraded
            and type(module).__name__ in ATTENTIONS
            and not forward.training
        ):
            yield FAST_PATH.reason
        if isinstance(module, torch.jit.ScriptModule):
            yield SCRIPTED
        elif tool.by_module and "forward" in vars(module):
            yield OF_ITS_OWN


class Counted:
    """What a counter has added so far: the differences by reason, and whose contractions it saw."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.terms: dict[str, int] = {}
        self.claimed: set[int] = set()
        self.total = 0
        self.unfit = False

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
            try:
                amount = rule.amount(place)
            except (LookupError, AttributeError, ArithmeticError, ValueError):
                # A module of torch's class whose forward is another than torch's.
                self.unfit = True
                amount = place.macs if rule.replaces else 0
            self.total += amount
            if rule.replaces and self.claimed.isdisjoint(place.nodes):
                self.claimed.update(place.nodes)
                amount -= place.macs
            if amount:
                self.add(rule.reason or "counted differently", amount)
