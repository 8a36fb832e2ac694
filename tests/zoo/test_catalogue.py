"""Tests of the catalogue: its entries can be found, are published, and can be built."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from costlab.errors import UsageError
from costlab.zoo import CATALOGUE, Network, Published, find
from tests.torchvision_shim import torchvision

# torch says once a process that an even patch may copy its input to pad it; two_2x2 means it to.
EVEN = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
PARTS = {name: network for name, network in CATALOGUE.items() if network.kind != "network"}


def test_importing_does_not_import_torch() -> None:
    """The catalogue can be read without torch."""
    program = "import sys, costlab.zoo; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def outputs(network: Network, **arguments: object) -> torch.Tensor:
    """What a network makes of two images of its input shape, on the meta device."""
    with torch.device("meta"):
        images = torch.zeros(2, *network.shape(**arguments))
        written = network.build(**arguments).eval()(images)
    assert isinstance(written, torch.Tensor)
    return written


@EVEN
@pytest.mark.parametrize("network", CATALOGUE.values(), ids=CATALOGUE)
def test_every_entry_runs(network: Network) -> None:
    """Every entry can be found by its name, builds, and takes images of its input shape."""
    assert find(network.name) is network
    written = outputs(network)
    if network.kind == "network":
        assert written.shape == (2, 1000)
    else:
        count, _, *grid = written.shape
        assert count == 2
        assert [1, 1] <= grid <= list(network.input_shape[1:])


@EVEN
@pytest.mark.parametrize("network", PARTS.values(), ids=PARTS)
def test_every_part_reads_what_it_is_told_to(network: Network) -> None:
    """A part takes any number of channels; its input shape follows, and keeps the grid."""
    assert network.arguments["inputs"] == network.input_shape[0]
    assert network.shape(inputs=24) == (24, *network.input_shape[1:])
    assert outputs(network, inputs=24).shape[2:] == outputs(network).shape[2:]


def test_shape_follows_no_other_argument() -> None:
    """The images of a network have three channels, and no nonsense gets into a shape."""
    assert find("inception_v3").shape(inputs=5, classes=10) == (3, 299, 299)
    for nonsense in (0, -1, True, 2.0, "4", None):
        assert find("figure5").shape(inputs=nonsense) == (288, 35, 35)


def test_build_takes_arguments() -> None:
    """Arguments of the caller go before those of the catalogue."""
    with torch.device("meta"):
        network = find("inception_v3").build(classes=10, aux=False)
    assert network.get_parameter("fc.weight").shape == (10, 2048)
    assert "AuxLogits" not in dict(network.named_children())


@pytest.mark.parametrize("name", ["inception_v33", "Inception-V3", "inceptionv3"])
def test_find_proposes_the_nearest(name: str) -> None:
    """A name that is nearly right is answered with the right one."""
    with pytest.raises(UsageError, match=rf"{name}.*Did you mean inception_v3\?"):
        find(name)


def test_find_tells_where_the_names_are() -> None:
    """A name that is near to none is answered with the command that lists them."""
    with pytest.raises(UsageError, match=r"'zzz'\. `costlab list`"):
        find("zzz")


def test_networks_are_constants() -> None:
    """An entry of the catalogue can be a key, and cannot be changed."""
    network = find("inception_v3")
    assert {network: 1}[network] == 1
    with pytest.raises(AttributeError):
        network.title = "another"  # type: ignore[misc]  # it is frozen, which is tested


def test_figures_of_torchvision() -> None:
    """The figures ascribed to torchvision are those that its weights carry."""
    carried = torchvision().models.Inception_V3_Weights.IMAGENET1K_V1.meta
    ascribed = {
        figure.metric: figure.value
        for figure in find("inception_v3").published
        if figure.source.startswith("torchvision")
    }
    assert ascribed == {"params": carried["num_params"], "macs": round(carried["_ops"] * 1e9)}


def test_figures_of_the_abstract() -> None:
    """The paper's abstract gives both figures as round ones, and the network is held to them."""
    figures = [f for f in find("inception_v3").published if f.source.endswith("abstract")]
    assert [(f.metric, f.value) for f in figures] == [("macs", 5 * 10**9), ("params", 25 * 10**6)]
    assert all(isinstance(figure, Published) for figure in figures)
