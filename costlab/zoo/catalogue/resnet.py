"""ResNet."""

from __future__ import annotations

from costlab.zoo.catalogue.network import Network, Published

PAPER = "He et al. 2015"
SOURCE = f"{PAPER}, Deep Residual Learning for Image Recognition"
BUILDER = "costlab.zoo.resnet:ResNet"
SHAPE = (3, 224, 224)
KEYS = {
    "torchvision": "costlab.zoo.keys.resnet:torchvision",
    "timm": "costlab.zoo.keys.resnet:timm",
}


def _table_1(printed: str) -> Published:
    """The paper's figure, in units of 10⁹ multiply-adds."""
    value = round(float(printed) * 10) * 10**8
    return Published("macs", value, f"{printed}×10⁹", f"{PAPER}, Table 1")


def _torchvision(params: int, ops: str) -> tuple[Published, Published]:
    """The figures that torchvision's weights carry."""
    return (
        Published("params", params, str(params), "torchvision, weights' num_params"),
        Published("macs", round(float(ops) * 1e9), f"{ops} G", "torchvision, weights' _ops"),
    )


# Not the paper's figures for the bottlenecks: torchvision moved their stride.
PROJECTED = {
    18: (_table_1("1.8"), *_torchvision(11_689_512, "1.814")),
    34: (_table_1("3.6"), *_torchvision(21_797_672, "3.664")),
    50: _torchvision(25_557_032, "4.089"),
    101: _torchvision(44_549_160, "7.801"),
    152: _torchvision(60_192_808, "11.514"),
}

NETWORKS = (
    *(
        Network(
            name=f"resnet{layers}",
            title=f"ResNet-{layers}",
            source=SOURCE,
            builder=BUILDER,
            input_shape=SHAPE,
            arguments={"layers": layers, "classes": 1000},
            published=published,
            keys=KEYS,
        )
        for layers, published in PROJECTED.items()
    ),
    *(
        Network(
            name=f"resnet{layers}_a",
            title=f"ResNet-{layers}, shortcuts without parameters",
            source=SOURCE,
            builder=BUILDER,
            input_shape=SHAPE,
            arguments={"layers": layers, "classes": 1000, "shortcuts": "identity"},
            published=(_table_1(printed),),
        )
        for layers, printed in {18: "1.8", 34: "3.6"}.items()
    ),
    *(
        Network(
            name=f"resnet{layers}_v1",
            title=f"ResNet-{layers}, stride in the first 1×1",
            source=SOURCE,
            builder=BUILDER,
            input_shape=SHAPE,
            arguments={"layers": layers, "classes": 1000, "stride_in": "1x1"},
            published=(
                _table_1(printed),
                Published("macs", burden * 10**9, f"{burden} GFLOPS", "convnet-burden, README"),
            ),
        )
        for layers, printed, burden in ((50, "3.8", 4), (101, "7.6", 8), (152, "11.3", 11))
    ),
)
