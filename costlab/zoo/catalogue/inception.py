"""Inception-v3 and its variants."""

from __future__ import annotations

from costlab.zoo.catalogue.network import Accuracy, Network, Published

PAPER = "Szegedy et al. 2015"

NETWORKS = (
    Network(
        name="inception_v3",
        title="Inception-v3",
        source=f"{PAPER}, Rethinking the Inception Architecture for Computer Vision",
        builder="costlab.zoo.inception_v3:InceptionV3",
        input_shape=(3, 299, 299),
        arguments={"classes": 1000, "aux": True},
        published=(
            Published("macs", 5_000_000_000, "5 billion", f"{PAPER}, abstract"),
            Published("params", 25_000_000, "< 25 million", f"{PAPER}, abstract"),
            Published("macs", 4_800_000_000, "4.8 Bn", f"{PAPER}, Table 3, last row"),
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
    ),
)
