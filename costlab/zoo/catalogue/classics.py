"""AlexNet, VGG and the PReLU-nets."""

from __future__ import annotations

from costlab.zoo.catalogue.network import Accuracy, Network, Published

ALEXNET = "Krizhevsky et al. 2012"
VGG = "Simonyan & Zisserman 2014"
PRELU = "He et al. 2015, Delving Deep into Rectifiers"
RESNET = "He et al. 2015, Deep Residual Learning for Image Recognition"
MOBILENET = "Howard et al. 2017, MobileNets"
INCEPTION = "Szegedy et al. 2015"


def _torchvision(params: int, macs: int, printed: str) -> tuple[Published, ...]:
    """The figures that the weights of torchvision carry."""
    return (
        Published("params", params, str(params), "torchvision, weights' num_params"),
        Published("macs", macs, f"{printed} G", "torchvision, weights' _ops"),
    )


ALEXNETS = (
    Network(
        name="alexnet",
        title="AlexNet",
        source=f"{ALEXNET}, ImageNet Classification with Deep Convolutional Neural Networks",
        builder="costlab.zoo.alexnet:AlexNet",
        input_shape=(3, 227, 227),
        arguments={"classes": 1000, "groups": 2},
        published=(
            Published("params", 60_000_000, "60 million", f"{ALEXNET}, abstract"),
            Published("params", 60_000_000, "60 million", f"{INCEPTION}, §1"),
            Published("params", 60_000_000, "60 million", f"{MOBILENET}, Table 9"),
            Published("macs", 720_000_000, "720 million", f"{MOBILENET}, Table 9"),
            Published("macs", 727_000_000, "727 MFLOPS", "convnet-burden, README"),
        ),
    ),
    Network(
        name="alexnet_ungrouped",
        title="AlexNet, groups removed",
        source=f"{ALEXNET}, with every filter reading all maps",
        builder="costlab.zoo.alexnet:AlexNet",
        input_shape=(3, 227, 227),
        arguments={"classes": 1000, "groups": 1},
    ),
    Network(
        name="alexnet_one_tower",
        title="AlexNet, one tower",
        source="torchvision's alexnet, after Krizhevsky 2014, One weird trick for parallelizing "
        "convolutional neural networks",
        builder="costlab.zoo.alexnet:OneTowerAlexNet",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000},
        published=_torchvision(61_100_840, 714_000_000, "0.714"),
        keys={"torchvision": "costlab.zoo.keys.alexnet:torchvision"},
    ),
)


def _vgg(depth: int, column: str, *published: Published, normalized: bool = False) -> Network:
    """VGG of this depth, a column of the paper's table."""
    source = f"{VGG}, Very Deep Convolutional Networks for Large-Scale Image Recognition"
    return Network(
        name=f"vgg{depth}{'_bn' if normalized else ''}",
        title=f"VGG-{depth}{', batch-normalized' if normalized else ''}",
        source=f"torchvision's vgg{depth}_bn, after {VGG}" if normalized else source,
        builder="costlab.zoo.vgg:VGG",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000, "column": column, "normalized": normalized},
        published=published,
        keys={"torchvision": "costlab.zoo.keys.vgg:torchvision"},
    )


VGGS = (
    _vgg(
        16,
        "D",
        Published("params", 138_000_000, "138 million", f"{VGG}, Table 2"),
        Published("macs", 15_300_000_000, "15.3 billion", f"{RESNET}, §4.1"),
        Published("macs", 15_300_000_000, "15300 million", f"{MOBILENET}, Table 8"),
        Published("params", 138_000_000, "138 million", f"{MOBILENET}, Table 8"),
        Published("macs", 16_000_000_000, "16 GFLOPS", "convnet-burden, README"),
        *_torchvision(138_357_544, 15_470_000_000, "15.47"),
    ),
    _vgg(
        19,
        "E",
        Published("params", 144_000_000, "144 million", f"{VGG}, Table 2"),
        Published("macs", 19_600_000_000, "19.6 billion", f"{RESNET}, §4.1"),
        Published("macs", 20_000_000_000, "20 GFLOPS", "convnet-burden, README"),
        *_torchvision(143_667_240, 19_632_000_000, "19.632"),
    ),
    _vgg(16, "D", *_torchvision(138_365_992, 15_470_000_000, "15.47"), normalized=True),
    _vgg(19, "E", *_torchvision(143_678_248, 19_632_000_000, "19.632"), normalized=True),
)


def _prelu_net(model: str, recalled: str, *accuracy: Accuracy) -> Network:
    """One of the three models, and how far its layers are recalled from the paper."""
    return Network(
        name=f"prelu_net_{model.lower()}",
        title=f"PReLU-net {model}",
        source=f"{PRELU}, model {model} of Table 3; {recalled}",
        builder="costlab.zoo.prelu_net:PReLUNet",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000, "model": model},
        accuracy=accuracy,
    )


PRELU_NETS = (
    _prelu_net("A", "its pyramid recalled from the paper"),
    _prelu_net("B", "recalled from the paper"),
    _prelu_net(
        "C",
        "recalled from the paper",
        # The table says "PReLU [6]" and no more.
        Accuracy(24.27, 7.38, f"{INCEPTION}, Table 4; which model it was is recalled", crops=10),
        Accuracy(21.59, 5.71, f"{INCEPTION}, Table 4; which model it was is recalled", crops=None),
    ),
)

NETWORKS = (*ALEXNETS, *VGGS, *PRELU_NETS)
