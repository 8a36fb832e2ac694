"""Inception-v4 and Inception-ResNet."""

from __future__ import annotations

from costlab.zoo.catalogue.network import Network, Published

SOURCE = (
    "Szegedy et al. 2016, Inception-v4, Inception-ResNet and the Impact of Residual Connections on "
    "Learning"
)
FACENET = f"Sandberg's facenet, inception_resnet_v1, after {SOURCE}"
RESIDUAL = "costlab.zoo.inception_resnet:InceptionResNet"
SHAPE = (3, 299, 299)
NASNET = "Zoph et al. 2017, Table 2"
TIMM = "timm, benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv"

NETWORKS = (
    Network(
        name="inception_v4",
        title="Inception-v4",
        source=SOURCE,
        builder="costlab.zoo.inception_v4:InceptionV4",
        input_shape=SHAPE,
        arguments={"classes": 1000, "aux": True},
        published=(
            Published("macs", 12_280_000_000, "12.28 G", f"{TIMM}, infer_gmacs"),
            Published("params", 42_680_000, "42.68 M", f"{TIMM}, param_count"),
        ),
        keys={"timm": "costlab.zoo.keys.inception_v4:timm"},
    ),
    Network(
        name="inception_resnet_v1",
        title="Inception-ResNet-v1",
        source=SOURCE,
        builder=RESIDUAL,
        input_shape=SHAPE,
        arguments={"classes": 1000, "graph": "v1"},
    ),
    Network(
        name="inception_resnet_v1_facenet",
        title="Inception-ResNet-v1, facenet",
        source=FACENET,
        builder=RESIDUAL,
        input_shape=SHAPE,
        arguments={"classes": 1000, "graph": "v1_facenet"},
    ),
    Network(
        name="inception_resnet_v2",
        title="Inception-ResNet-v2",
        source=SOURCE,
        builder=RESIDUAL,
        input_shape=SHAPE,
        arguments={"classes": 1000, "graph": "v2", "aux": True},
        published=(
            Published("macs", 13_200_000_000, "13.2 B", NASNET),
            Published("params", 55_800_000, "55.8 M", NASNET),
            Published("macs", 13_180_000_000, "13.18 G", f"{TIMM}, infer_gmacs"),
            Published("params", 55_840_000, "55.84 M", f"{TIMM}, param_count"),
        ),
        keys={"timm": "costlab.zoo.keys.inception_resnet_v2:timm"},
    ),
    Network(
        name="inception_resnet_v2_figures",
        title="Inception-ResNet-v2, as its figures draw it",
        source=SOURCE,
        builder=RESIDUAL,
        input_shape=SHAPE,
        arguments={"classes": 1000, "graph": "v2_figures"},
    ),
    Network(
        name="inception_resnet_v2_figures_10_20_10",
        title="Inception-ResNet-v2, as drawn, with the released 10, 20 and 10 blocks",
        source=SOURCE,
        builder=RESIDUAL,
        input_shape=SHAPE,
        arguments={"classes": 1000, "graph": "v2_figures", "blocks": (10, 20, 10)},
    ),
)
