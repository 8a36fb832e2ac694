"""GoogLeNet and BN-Inception."""

from __future__ import annotations

from costlab.zoo.catalogue.network import Accuracy, Network, Published

GOOGLENET = "Szegedy et al. 2014"
BN = "Ioffe & Szegedy 2015"
INCEPTION = "Szegedy et al. 2015"
MOBILENET = "Howard et al. 2017, MobileNets"
NASNET = "Zoph et al. 2017, Learning Transferable Architectures"

# What both papers call separable: each channel 8 times on its own, then 1×1 over all.
SEPARABLE = "7x7/2 64 padded separable 8"

# Table 3 gives one cost for the network; it is held against each reading of the first layer.
GOOGLENET_COST = (
    Published("macs", 1_500_000_000, "1.5 billion", f"{GOOGLENET}, §1, a budget"),
    Published("macs", 1_500_000_000, "1.5 Bn", f"{INCEPTION}, Table 3"),
)
BN_INCEPTION_COST = (
    Published("params", 13_600_000, "13.6 · 10^6", f"{BN}, §4.2"),
    Published("macs", 2_000_000_000, "2.0 Bn", f"{INCEPTION}, Table 3"),
)

GOOGLENETS = (
    Network(
        name="googlenet",
        title="GoogLeNet",
        source=f"{GOOGLENET}, Going Deeper with Convolutions, in Caffe's graph",
        builder="costlab.zoo.googlenet:GoogLeNet",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000, "aux": True},
        published=(
            *GOOGLENET_COST,
            Published("params", 5_000_000, "5 million", f"{INCEPTION}, §1"),
            Published("params", 7_000_000, "7 million", "Tsang, Review: Inception-v3"),
            Published("params", 6_800_000, "6.8 million", f"{MOBILENET}, Table 8"),
            Published("macs", 1_550_000_000, "1550 million", f"{MOBILENET}, Table 8"),
            Published("macs", 2_000_000_000, "2 GFLOPS", "convnet-burden, README"),
        ),
        accuracy=(
            Accuracy(29.0, 9.2, f"{INCEPTION}, Table 3"),
            Accuracy(None, 9.15, f"{INCEPTION}, Table 4", crops=10),
            Accuracy(None, 7.89, f"{INCEPTION}, Table 4", crops=144),
            Accuracy(None, 6.67, f"{INCEPTION}, Table 5", crops=144, models=7),
        ),
    ),
    Network(
        name="googlenet_separable",
        title="GoogLeNet, first layer separable",
        source=f"{GOOGLENET}, Table 1, the first row read by its figures",
        builder="costlab.zoo.googlenet:GoogLeNet",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000, "aux": True, "stem": SEPARABLE},
        published=GOOGLENET_COST,
    ),
    Network(
        name="googlenet_torchvision",
        title="GoogLeNet of torchvision",
        source=f"{GOOGLENET}, in torchvision's graph",
        builder="costlab.zoo.googlenet:GoogLeNet",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000, "aux": True, "normalized": True, "graph": "torchvision"},
        published=(
            Published("params", 6_624_904, "6624904", "torchvision, weights' num_params"),
            Published("macs", 1_498_000_000, "1.498 G", "torchvision, weights' _ops"),
        ),
        keys={"torchvision": "costlab.zoo.keys.googlenet:torchvision"},
    ),
    Network(
        name="bn_googlenet",
        title="BN-GoogLeNet",
        source=f"{INCEPTION}, Table 3",
        builder="costlab.zoo.googlenet:GoogLeNet",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000, "aux": True, "normalized": True},
        published=(Published("macs", 1_500_000_000, "1.5 Bn", f"{INCEPTION}, Table 3"),),
        accuracy=(Accuracy(26.8, None, f"{INCEPTION}, Table 3"),),
    ),
)

BN_INCEPTIONS = (
    Network(
        name="bn_inception",
        title="BN-Inception",
        source=f"{BN}, Batch Normalization, Figure 5",
        builder="costlab.zoo.bn_inception:BNInception",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000},
        published=BN_INCEPTION_COST,
        accuracy=(
            Accuracy(25.2, 7.8, f"{INCEPTION}, Table 3"),
            Accuracy(22.0, 5.82, f"{INCEPTION}, Table 4", crops=144),
            Accuracy(20.1, 4.9, f"{INCEPTION}, Table 5", crops=144, models=6),
        ),
    ),
    Network(
        name="bn_inception_separable",
        title="BN-Inception, first layer separable",
        source=f"{BN}, Batch Normalization, Figure 5 with the first layer of the appendix's text",
        builder="costlab.zoo.bn_inception:BNInception",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000, "stem": SEPARABLE},
        published=BN_INCEPTION_COST,
    ),
    Network(
        name="bn_inception_caffe",
        title="BN-Inception of Caffe",
        source=f"{BN}, in Caffe's graph",
        builder="costlab.zoo.bn_inception:BNInception",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000, "graph": "caffe"},
    ),
    Network(
        name="inception_v2_tfslim",
        title="Inception-v2 of TF-slim",
        source=f"{BN}, in TF-slim's graph `inception_v2`",
        builder="costlab.zoo.bn_inception:BNInception",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000, "stem": SEPARABLE, "graph": "tfslim"},
        published=(
            Published("params", 11_200_000, "11.2 M", f"{NASNET}, Table 2"),
            Published("macs", 1_940_000_000, "1.94 B", f"{NASNET}, Table 2"),
        ),
    ),
    Network(
        name="inception_v2_tfslim_plain",
        title="Inception-v2 of TF-slim, first layer plain",
        source=f"{BN}, in TF-slim's graph `inception_v2`",
        builder="costlab.zoo.bn_inception:BNInception",
        input_shape=(3, 224, 224),
        arguments={"classes": 1000, "graph": "tfslim"},
    ),
)

NETWORKS = (*GOOGLENETS, *BN_INCEPTIONS)
