"""`program.pt2`: what `torch.export.save` wrote, counted by the graph in it.

Does not know what it costs. Nothing is unpickled: `torch.export.load` would, and is not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from costlab.errors import SourceError
from costlab.inputspec import Argument, Literal, Value, format_argument
from costlab.sources import archive
from costlab.sources.exported_limits import limits_of
from costlab.sources.exported_steps import class_of, settle, steps_of
from costlab.sources.exported_trees import Tree, grown, tree_of
from costlab.sources.exported_values import BrokenError, spec_of
from costlab.sources.program import Program, hold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import torch

    from costlab.graph import TensorSpec
    from costlab.sources.text import Words

HELD = {
    "parameter": ("parameter_name", True),
    "buffer": ("buffer_name", False),
    "tensor_constant": ("tensor_constant_name", False),
}
"""What a program holds: the key of its path, and whether it is a parameter."""
TRAINING = ("training", "train")
EVALUATES = "_no_training"
"""In the name of what an export with decompositions makes of a batch norm in eval mode."""


def build(words: Words, name: str) -> torch.nn.Module:
    """The program in a file, as a module without weights.

    Raises:
        SourceError: the file is not there, is damaged, or holds what cannot be counted.
    """
    del words
    found = archive.read(name)
    try:
        return _program(found)
    except BrokenError as error:
        raise SourceError(f"{name} cannot be counted: {error}") from error
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
        RecursionError,
    ) as error:
        message = f"{name} is damaged: its description is not as torch writes it ({error!r})"
        raise SourceError(message) from error


def inputs(words: Words, name: str, model: torch.nn.Module) -> tuple[str, ...] | None:
    """The inputs that the program was exported with; None if it has none that specs can say."""
    del words, name
    if not isinstance(model, Program):
        return None
    values: list[Value] = [value for _, value in model.limits.given]
    if model.tree is None:
        return tuple(format_argument(Argument(None, value)) for value in values) or None
    positional, named = model.tree.below
    leaves = iter(values)
    told = [Argument(None, grown(each, leaves)) for each in positional.below]
    told += [Argument(key, grown(each, leaves))
             for key, each in zip(named.keys, named.below, strict=True)]  # fmt: skip
    return tuple(map(format_argument, told)) or None


def _program(found: archive.Archive) -> Program:
    module = found.program["graph_module"]
    graph, signature = module["graph"], module["signature"]
    tensors = graph["tensor_values"]
    given: list[tuple[str, TensorSpec | Literal]] = []
    described: dict[int, Any] = {}
    weights: dict[str, tuple[str, Any, bool]] = {}
    for told in signature["input_specs"]:
        ((kind, held),) = told.items()
        if kind == "user_input":
            given.append(_given(held["arg"], tensors))
            if "as_tensor" in held["arg"]:
                described[len(given) - 1] = tensors[held["arg"]["as_tensor"]["name"]]
        elif kind == "constant_input":
            given.append((str(held["name"]), _literal(held["value"])))
        elif kind == "token":  # without a value: see exported_steps.ORDERED
            continue
        elif kind in HELD:
            key, is_parameter = HELD[kind]
            value = held["arg"]["name"]
            weights[value] = (str(held[key]), tensors[value], is_parameter)
        else:
            raise BrokenError(f"it holds an object of its own ({kind}), whose cost is not known")
    owners = {value: path.rpartition(".")[0] for value, (path, _, _) in weights.items()}
    steps = steps_of(graph["nodes"], owners)
    results = [
        each["user_output"]["arg"] for each in signature["output_specs"] if "user_output" in each
    ]
    settle(steps, results)
    tree, names = _tree(module, len(given))
    kind = type(class_of(graph["nodes"]), (Program,), {})
    limits = limits_of(found.program, given, described, tree, names)
    program: Program = kind(steps, limits, results, tree, names)
    hold(program, steps, weights, found.files)
    program.trains = _mode(graph["nodes"])
    program.training = bool(program.trains)
    return program


def _mode(nodes: Iterable[Mapping[str, Any]]) -> bool | None:
    """Whether a program was exported in train mode; None if nothing in it differs between modes.

    It trains if any operation does: a model in train mode may hold a layer that is not.
    """
    told = set()
    for node in _all(nodes):
        if EVALUATES in str(node["target"]):
            told.add(False)
        for each in node["inputs"]:
            value = each["arg"].get("as_bool")
            if each.get("name") in TRAINING and isinstance(value, bool):
                told.add(value)
    return any(told) if told else None


def _all(nodes: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The operations, and those of all graphs that they are given."""
    for node in nodes:
        yield node
        for each in node["inputs"]:
            if "as_graph" in each["arg"]:
                yield from _all(each["arg"]["as_graph"]["graph"]["nodes"])


def _given(told: Mapping[str, Any], tensors: Mapping[str, Any]) -> tuple[str, TensorSpec | Literal]:
    """The name of an input, and the spec of its tensor or its value."""
    ((kind, value),) = told.items()
    if kind == "as_tensor":
        return value["name"], spec_of(tensors[value["name"]])
    if kind == "as_sym_int" and "as_name" in value:
        raise BrokenError(f"its input {value['as_name']!r} is a number that may vary")
    return "", _literal(told)


def _literal(told: Mapping[str, Any]) -> Literal:
    ((kind, value),) = told.items()
    if kind == "as_none":
        return None
    if not isinstance(value, bool | int | float | str):
        raise BrokenError(f"an input of it is {kind}")
    return value


def _tree(module: Mapping[str, Any], leaves: int) -> tuple[Tree | None, tuple[str, ...]]:
    """How the inputs are held together, and the names of the arguments; None if not as here."""
    (first, *_) = module["module_call_graph"]
    signature = first["signature"]
    tree = tree_of(signature["in_spec"])
    shaped = [each.kind for each in tree.below] == ["tuple", "dict"] and tree.kind == "tuple"
    names = tuple(map(str, signature.get("forward_arg_names") or ()))
    return (tree if shaped and _count(tree) == leaves else None), names


def _count(tree: Tree) -> int:
    return sum(map(_count, tree.below)) if tree.kind else 1
