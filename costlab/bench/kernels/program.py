"""A module as a series of launches: each convolution that the kernels take, and torch for the rest.

It knows no kernel and no tiling: when what runs is decided here, `launching` says how, `placing`
where results are written. What the kernels decline is said in `Program.declined`, and runs through
torch.
"""

from __future__ import annotations

import copy
import operator
from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx, nn

from costlab.bench.kernels.aliasing import written
from costlab.bench.kernels.arguments import current
from costlab.bench.kernels.launching import Step, launch
from costlab.bench.kernels.originals import changed_for_all
from costlab.bench.kernels.outcomes import said
from costlab.bench.kernels.placing import Places
from costlab.bench.kernels.units import FOUR, groups_of, refused, units_of
from costlab.bench.kernels.values import tensors_of
from costlab.bench.kernels.weights import hooked, own_forward, refusal, step_of
from costlab.bench.seams import ArmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlab.bench.kernels.placing import Values
    from costlab.bench.kernels.units import Unit


def compiled(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Program:
    """What runs in a module's place; the module is untouched.

    Raises:
        ArmError: the module is being trained, has hooks or a forward of its own, cannot be traced,
            takes other than tensors, or has no convolution that the kernels take; or what all
            modules do was replaced.
    """
    if module.training:
        raise ArmError("kernels of our own have no backward; the module cannot be trained")
    if why := changed_for_all():
        raise ArmError(f"{why}, which kernels of our own would not call")
    if not isinstance(module, nn.Conv2d):  # of which its unit is declined
        if hooked(module):
            raise ArmError(
                "the module has hooks of its own, which kernels of our own would not call"
            )
        if own_forward(module):
            raise ArmError(
                "the module has a forward that its class does not have, which torch.fx would not "
                "trace; write a class with that forward"
            )
    if kwargs or not all(isinstance(arg, Tensor) for arg in args):
        raise ArmError("kernels of our own take a module whose arguments are tensors, by position")
    try:
        twin = copy.deepcopy(module)
        # fx looks into what it is given, and would find no layer in a layer.
        single = isinstance(twin, nn.Conv2d)
        traced = fx.symbolic_trace(nn.Sequential(OrderedDict(conv=twin)) if single else twin)
    except Exception as error:  # a forward may raise anything on what is not a tensor
        message = f"torch.fx cannot trace the model: {type(error).__name__}: {error}"
        raise ArmError(message) from error
    with torch.no_grad(), current(args[0]):
        return Program(traced, args)


class Program:
    """A traced module in launches, for arguments of the shapes of an example.

    `declined` are the convolutions that torch runs, each with why.
    """

    def __init__(self, traced: fx.GraphModule, example: tuple[Tensor, ...]) -> None:
        self.traced, self.example = traced, [_kind(one) for one in example]
        self._inputs = _inputs(traced, example)
        found = tensors_of(traced, example)
        self.shapes = {name: about.shape for name, about in found.items()}
        self.modules = dict(traced.named_modules())
        self.device, self.dtype = example[0].device, example[0].dtype
        units = [self._judged(unit, example) for unit in units_of(traced, self.shapes)]
        absorbed = {node for unit in units for node in unit.absorbed}
        changing = written(traced.graph, self.modules, absorbed)
        others = {
            node
            for node in traced.graph.nodes
            if node.name in found and found[node.name].dtype != self.dtype
        }
        # What is of another type has, as what is written to, memory of its own.
        apart = changing | others
        self.groups = groups_of(traced, units, self.shapes, apart)
        self.declined = (
            *(f"{unit.name}: {unit.why}" for unit in units if unit.why),
            *refused(traced, self.shapes),
        )
        if not self.groups:
            why = "; ".join(self.declined[:1]) or "it has no convolution"
            raise ArmError(f"kernels of our own take nothing of this module: {why}")
        self._places = Places(traced, self.groups, self.shapes, apart, others, example[0])
        self._steps = self._schedule(units)
        self._output = next(node for node in traced.graph.nodes if node.op == "output")
        self._dead = self._last_uses()

    def __call__(self, *args: Tensor) -> Any:
        """What the module gives.

        Raises:
            ArmError: the arguments are of another shape, type or device than the example's.
        """
        if [_kind(arg) for arg in args] != self.example:
            raise ArmError("the arguments differ from those that the launches were chosen for")
        values: Values = dict(zip(self._inputs, args, strict=True))
        with torch.no_grad(), current(args[0]):
            for step, dead in zip(self._steps, self._dead, strict=True):
                step.run(values)
                for node in dead:
                    values.pop(node, None)
        return fx.map_arg(self._output.args[0], values.__getitem__)

    @property
    def launches(self) -> tuple[str, ...]:
        """What runs, in order: kinds of launches by the names of their convolutions, and torch."""
        return tuple(step.said for step in self._steps)

    @property
    def tuned(self) -> str:
        """What was tried of each launch, and what was taken, as `outcomes.read` reads it."""
        return said(step.outcome for step in self._steps if step.outcome is not None)

    def _judged(self, unit: Unit, example: tuple[Tensor, ...]) -> Unit:
        """A unit with why it is declined, if it is."""
        like = torch.empty(
            self.shapes[unit.source.name],
            dtype=self.dtype,
            device="meta",
            memory_format=torch.channels_last,
        )
        why = refusal(like, unit.weights)
        images = [one for one in example if one.dim() == FOUR]
        if not why and any(step_of(one) is None for one in images):
            why = "its input is not channels last (NHWC)"
        return replace(unit, why=why, weights=unit.weights.of(self.device))

    def _schedule(self, units: list[Unit]) -> list[Step]:
        """The steps in order: a launch where the last of its inputs is there, else as traced."""
        order = {node: place for place, node in enumerate(self.traced.graph.nodes)}
        steps: dict[fx.Node, Step] = {}
        absorbed: set[fx.Node] = set()
        for group in self.groups:
            start = min((unit.absorbed[0] for unit in group.units), key=order.__getitem__)
            if group.pool is not None:
                start = max(start, group.pool, key=order.__getitem__)
                absorbed.add(group.pool)
            steps[start] = launch(group, self._places)
        for unit in units:
            absorbed |= set(unit.absorbed)
            if unit.why:
                steps[unit.absorbed[0]] = self._by_torch(unit)
        return [
            steps[node] if node in steps else self._as_traced(node)
            for node in self.traced.graph.nodes
            if node in steps or (node not in absorbed and node.op not in {"placeholder", "output"})
        ]

    def _last_uses(self) -> list[list[fx.Node]]:
        """For each step, the values that nothing reads after it."""
        kept = set(self._output.all_input_nodes)
        dead: list[list[fx.Node]] = []
        for step in reversed(self._steps):
            dead.append([node for node in step.reads if node not in kept])
            kept |= set(step.reads)
        return dead[::-1]

    def _by_torch(self, unit: Unit) -> Step:
        """A convolution that the kernels decline, with what stands behind it."""

        def run(values: Values) -> None:
            values[unit.last] = unit.weights.reference(values[unit.source])

        return Step(f"torch: {unit.name}", (unit.source,), run)

    def _as_traced(self, node: fx.Node) -> Step:
        """A call as it was traced, or a concatenation in which most is in its place."""
        if node in self._places.joins:
            return Step("join", tuple(node.all_input_nodes), partial(self._places.join, node))

        def run(values: Values) -> None:
            args = fx.map_arg(node.args, values.__getitem__)
            kwargs = fx.map_arg(node.kwargs, values.__getitem__)
            values[node] = self._call(node, args, kwargs)

        return Step(f"torch: {node.name}", tuple(node.all_input_nodes), run)

    def _call(self, node: fx.Node, args: Any, kwargs: Any) -> Any:
        if node.op == "call_module":
            return self.modules[str(node.target)](*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        if node.op == "get_attr":
            return operator.attrgetter(str(node.target))(self.traced)
        return node.target(*args, **kwargs)  # type: ignore[operator]  # a function, by its op


def _kind(tensor: Tensor) -> tuple[torch.Size, torch.dtype, torch.device, bool]:
    """What launches are chosen for: shape, type, device, and whether a tensor is channels last."""
    return tensor.shape, tensor.dtype, tensor.device, step_of(tensor) is not None


def _inputs(traced: fx.GraphModule, example: tuple[Tensor, ...]) -> list[fx.Node]:
    """The nodes that stand for the arguments.

    Raises:
        ArmError: the forward takes another number of them. A default would be traced as if a tensor
            were given, so that what the forward asks of it would be answered otherwise.
    """
    inputs = [node for node in traced.graph.nodes if node.op == "placeholder"]
    names = [str(node.target) for node in inputs]
    if len(names) != len(example) or any(name.startswith("*") for name in names):
        message = (
            "kernels of our own take a module whose arguments are all given, as tensors; this "
            f"forward takes ({', '.join(names)}), and is given {len(example)}: wrap the module in "
            "one whose forward gives it the others"
        )
        raise ArmError(message)
    return inputs
