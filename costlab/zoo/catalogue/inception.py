"""Inception-v3, its variants, and readings of its paper."""

from __future__ import annotations

from costlab.zoo.catalogue.network import Accuracy, Network, Published

PAPER = "Szegedy et al. 2015"
SOURCE = f"{PAPER}, Rethinking the Inception Architecture for Computer Vision"
VARIANTS = "costlab.zoo.inception_v3_variants"
SHAPE = (3, 299, 299)
WITH_AUX = {"classes": 1000, "aux": True}

ABSTRACT = (
    Published("macs", 5_000_000_000, "5 billion", f"{PAPER}, abstract"),
    Published("params", 25_000_000, "< 25 million", f"{PAPER}, abstract"),
)
LAST_ROW = Published("macs", 4_800_000_000, "4.8 Bn", f"{PAPER}, Table 3, last row")

INCEPTION_V3 = Network(
    name="inception_v3",
    title="Inception-v3",
    source=SOURCE,
    builder="costlab.zoo.inception_v3:InceptionV3",
    input_shape=SHAPE,
    arguments=WITH_AUX,
    published=(
        *ABSTRACT,
        LAST_ROW,
        Published("params", 27_161_264, "27161264", "torchvision, weights' num_params"),
        Published("macs", 5_713_000_000, "5.713 G", "torchvision, weights' _ops"),
    ),
    accuracy=(
        Accuracy(21.2, 5.6, f"{PAPER}, Table 3, last row"),
        Accuracy(19.47, 4.48, f"{PAPER}, Table 4", crops=12),
        Accuracy(18.77, 4.2, f"{PAPER}, Table 4", crops=144),
        Accuracy(17.2, 3.58, f"{PAPER}, Table 5", crops=144, models=4),
    ),
    keys={"torchvision": "costlab.zoo.keys.inception_v3:torchvision"},
)

FROM_THE_PAPER = (
    Network(
        name="inception_v3_table1",
        title="Inception-v3, Table 1 to the letter, four modules at 17×17",
        source=f"{SOURCE}, Table 1",
        builder=f"{VARIANTS}:InceptionV3Table1",
        input_shape=SHAPE,
        arguments={**WITH_AUX, "modules_17x17": 4},
        published=ABSTRACT,
    ),
    Network(
        name="inception_v3_table1_5",
        title="Inception-v3, Table 1 to the letter, five modules at 17×17",
        source=f"{SOURCE}, Table 1",
        builder=f"{VARIANTS}:InceptionV3Table1",
        input_shape=SHAPE,
        arguments={**WITH_AUX, "modules_17x17": 5},
        published=ABSTRACT,
    ),
    Network(
        name="inception_v3_five",
        title="Inception-v3 with a fifth module at 17×17",
        source=f"{SOURCE}, §6",
        builder=f"{VARIANTS}:InceptionV3Modules",
        input_shape=SHAPE,
        arguments={**WITH_AUX, "modules_17x17": 5},
        published=ABSTRACT,
    ),
    # Table 2 prints accuracies; these are what is left to 100 %.
    Network(
        name="inception_v3_151",
        title="Inception-v3 for 151×151, stride 1 in the first layer",
        source=f"{SOURCE}, §9",
        builder=f"{VARIANTS}:InceptionV3LowResolution",
        input_shape=(3, 151, 151),
        arguments={**WITH_AUX, "first_pooling": True},
        accuracy=(Accuracy(23.6, None, f"{PAPER}, Table 2, as an accuracy of 76.4 %"),),
    ),
    Network(
        name="inception_v3_79",
        title="Inception-v3 for 79×79, stride 1 and no first pooling",
        source=f"{SOURCE}, §9",
        builder=f"{VARIANTS}:InceptionV3LowResolution",
        input_shape=(3, 79, 79),
        arguments={**WITH_AUX, "first_pooling": False},
        accuracy=(Accuracy(24.8, None, f"{PAPER}, Table 2, as an accuracy of 75.2 %"),),
    ),
    Network(
        name="inception_v3_bn_aux",
        title="Inception-v3, the side head's logits normalized too",
        source=f"{SOURCE}, §10",
        builder=f"{VARIANTS}:InceptionV3BNAuxiliary",
        input_shape=SHAPE,
        arguments=WITH_AUX,
        published=(LAST_ROW,),
        accuracy=(Accuracy(21.2, 5.6, f"{PAPER}, Table 3, last row"),),
    ),
)


def _reading(name: str, title: str, size: int = 299, **arguments: object) -> Network:
    """A reading of the paper; the module of its builder says what contradicts it."""
    return Network(
        name=f"reading_{name}",
        title=f"Inception-v3 read {title}",
        source=SOURCE,
        builder="costlab.zoo.inception_v3_readings:InceptionV3Reading",
        input_shape=(3, size, size),
        arguments={"classes": 1000, **arguments},
    )


READINGS = (
    _reading("figure5_35x35", "with the modules of Figure 5 at 35×35", figure5_35x35=True),
    _reading("figure5_17x17", "with the modules of Figure 5 at 17×17", figure5_17x17=True),
    _reading("7x7_stem", "with a 7×7 in its stem", stem="7x7"),
    _reading("7x7_separable_stem", "with a separable 7×7 in its stem", stem="7x7 separable"),
    _reading("same_padding", "with every layer padded", same_padding=True),
    _reading("same_padding_224", "with every layer padded, at 224×224", 224, same_padding=True),
)

NETWORKS = (INCEPTION_V3, *FROM_THE_PAPER, *READINGS)
