"""The tree of blocks, from graphs that are written by hand."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

from costlab.blocks import Block, block_tree
from costlab.cost import Cost
from costlab.graph import Coverage, Graph, Module, Node, Parameter, Tensor, TensorSpec

IMAGE, WEIGHT, MAP = TensorSpec((1, 3, 8, 8)), TensorSpec((4, 3, 3, 3)), TensorSpec((1, 4, 6, 6))


def graph() -> Graph:
    """A convolution in `stem.conv`, a ReLU in `stem` itself, a view, and an idle head."""
    return Graph(
        tensors=tuple(Tensor(spec, n) for n, spec in enumerate((IMAGE, WEIGHT, MAP, MAP, MAP))),
        nodes=(
            Node(
                "conv2d", "convolution", Coverage.PRICED, "stem.conv", (0, 1), (2,),
                macs=4 * 6 * 6 * 3 * 3 * 3, flops=2 * 4 * 6 * 6 * 3 * 3 * 3,
            ),
            Node("relu", "activation", Coverage.PRICED, "stem", (2,), (3,), flops=4 * 6 * 6),
            Node("view", "view", Coverage.FREE, "", (3,), (4,)),
        ),
        inputs=(0,),
        outputs=(4,),
        parameters=(
            Parameter("stem.conv.weight", WEIGHT, 1),
            Parameter("head.weight", TensorSpec((10, 4)), None),
        ),
        modules=(
            Module("", "Net", 1, (MAP,)),
            Module("stem", "Stem", 1, (MAP,)),
            Module("stem.conv", "Conv2d", 1, (MAP,)),
            Module("head", "Linear"),
        ),
    )  # fmt: skip


def test_an_operation_is_charged_to_the_module_that_ran_it() -> None:
    """The convolution stands in `stem.conv`, the ReLU in `stem` itself."""
    root = block_tree(graph())
    stem, head = root.children
    assert stem.children[0].own.macs == 4 * 6 * 6 * 3 * 3 * 3
    assert stem.own == Cost(flops=4 * 6 * 6, bytes=2 * 4 * 4 * 6 * 6)
    assert head.cost == Cost(params=10 * 4)


def test_every_block_costs_its_own_and_its_children() -> None:
    """`cost == own + Σ children`, and the root costs every node and parameter."""
    root = block_tree(graph())
    for block in root.walk():
        assert block.cost == sum((child.cost for child in block.children), block.own)
    nodes = graph().nodes
    assert root.cost.macs == sum(node.macs for node in nodes)
    assert root.cost.flops == sum(node.flops for node in nodes)
    assert root.cost.params == 4 * 3 * 3 * 3 + 10 * 4
    assert root.cost.params_executed == 4 * 3 * 3 * 3


def test_bytes_are_each_input_and_output_once_and_views_are_free() -> None:
    """The convolution moves its input, weight and output; the view moves nothing."""
    root = block_tree(graph())
    convolution = 4 * (3 * 8 * 8 + 4 * 3 * 3 * 3 + 4 * 6 * 6)
    assert root.children[0].children[0].own.bytes == convolution
    assert root.own.bytes == 0


def test_activations_are_what_layers_write() -> None:
    """The convolution's output counts as activations, the ReLU's does not."""
    assert block_tree(graph()).cost.activations == 4 * 6 * 6


def test_children_stand_in_registration_order() -> None:
    """The order of a model's modules is the order of its rows."""
    assert [block.path for block in block_tree(graph()).walk()] == ["", "stem", "stem.conv", "head"]


def test_a_family_is_tallied_over_the_whole_block() -> None:
    """A tally adds the calls of a family in the block and below it."""
    tally = block_tree(graph()).tally("convolution")
    assert (tally.calls, tally.elements) == (1, 4 * 6 * 6)


def test_a_block_by_hand_sums_itself() -> None:
    """A block that is made by hand knows its cost."""
    leaf = Block("a.b", "Linear", Cost(macs=2))
    assert Block("a", "Net", Cost(macs=1), (leaf, leaf)).cost.macs == 1 + 2 + 2


def test_a_block_is_copied_with_its_sum() -> None:
    """Copies and pickles of a block are equal to it."""
    root = block_tree(graph())
    assert copy.deepcopy(root) == root
    assert pickle.loads(pickle.dumps(root)) == root  # noqa: S301 - our own bytes


def test_an_operation_counted_in_two_ways_has_a_tally_for_each() -> None:
    """Calls of one name in one module are told apart by family, so that activations stay exact."""
    whole = graph()
    unknown = whole.nodes[0]._replace(family="unknown", coverage=Coverage.UNKNOWN, macs=0, flops=0)
    root = block_tree(replace(whole, nodes=(*whole.nodes, unknown, whole.nodes[0])))
    conv = root.children[0].children[0]
    assert [(op.family, op.calls) for op in conv.ops] == [("convolution", 2), ("unknown", 1)]
    assert conv.own.activations == 2 * 4 * 6 * 6
