"""Measurements by hand, in which every column and every note has something to say."""

from costlab.bench.document import (
    Ceilings,
    Comparison,
    Correctness,
    Explanation,
    Kernel,
    Measured,
    Measurements,
    Model,
    Timing,
)

CEILINGS = Ceilings(
    {"bf16": 7.88e14, "tf32": 3.9e14},
    4.3e12,
    1.1e13,
    2.5e-6,
    1.2e-6,
    60 << 20,
    132,
    {"copy": "one"},
)
NULL = Comparison(1.0004, 0.9982, 1.0026, 40, 0, "SAME", "precise")
RIGHT = Correctness(0.002, 0.002, 0.02, poisoned=True)
FIVE = Timing(
    subject="5x5, 35x35x64",
    arm="eager",
    macs=32 * 35 * 35 * 64 * 64 * 25,
    params=64 * 64 * 25 + 128,
    activations=32 * 64 * 35 * 35,
    bytes=2 * (2 * 32 * 64 * 35 * 35 + 64 * 64 * 25),
    samples_s=(52e-6, 50e-6, 51e-6),
    clock_mhz=(1980.0, 1965.0, 1980.0),
    kernels=(Kernel("sm90_xmma_fprop", 1, 30e-6), Kernel("elementwise", 2, 10e-6)),
    gaps_s=1e-6,
    correctness=RIGHT,
    peak_bytes=31_000_000,
    energy_j=0.0213,
)
TWO = Timing(
    subject="3x3 3x3, 35x35x64",
    arm="eager",
    macs=32 * 35 * 35 * 64 * 64 * 18,
    params=64 * 64 * 18 + 256,
    activations=2 * 32 * 64 * 35 * 35,
    bytes=2 * (4 * 32 * 64 * 35 * 35 + 64 * 64 * 18),
    samples_s=(59e-6, 58e-6, 61e-6),
    clock_mhz=(1980.0, 1980.0, 1980.0),
    kernels=(Kernel("sm90_xmma_fprop", 2, 15e-6), Kernel("elementwise", 4, 7e-6)),
    gaps_s=2e-6,
    correctness=RIGHT,
    peak_bytes=42_000_000,
    energy_j=0.0254,
)


def model(seconds: float, binds: str = "compute") -> Model:
    """What a side should take."""
    return Model(seconds, seconds / 4, seconds / 2, 1.1, 2e-6, binds)  # type: ignore[arg-type]  # one of literals


EXPLANATION = Explanation(0.28, -0.0412, -0.2537, -0.0148, -0.0094, -0.1248)
SLOWER = Measured(
    key="5x5 → 3x3 3x3, 35x35x64 · eager · b32 · bf16 · nhwc · bn_relu · cold",
    pair="5x5 → 3x3 3x3, 35x35x64",
    batch=32,
    precision="bf16",
    layout="nhwc",
    finish="bn_relu",
    regime="cold",
    baseline=FIVE,
    variant=TWO,
    comparison=Comparison(1.1639, 1.1523, 1.1761, 40, 2, "SLOWER", "time limit"),
    models=(model(1.02e-5), model(7.3e-6, "memory")),
    explanation=EXPLANATION,
    throttled=("sw_power_cap",),
    flags={"cudnn.allow_tf32": False, "cudnn.benchmark": True, "matmul.fp32_precision": "ieee"},
    power_w=611.5,
)
FAILED = Measured(
    key="5x5 → 3x3 3x3, 35x35x64 · compile · b32 · bf16 · nhwc · bn_relu · cold",
    pair="5x5 → 3x3 3x3, 35x35x64",
    batch=32,
    precision="bf16",
    layout="nhwc",
    finish="bn_relu",
    regime="cold",
    baseline=Timing("5x5, 35x35x64", "compile", 1, 1, 1, 1),
    variant=Timing("3x3 3x3, 35x35x64", "compile", 1, 1, 1, 1, error="its outputs are wrong"),
)
FOUND = Measurements(
    study="factorizations",
    environment={
        "device": "cuda",
        "gpu": "A pretended GPU",
        "cpu": "A CPU",
        "driver": "580.1",
        "torch": "2.11.0",
        "clocks": "fixed-power",
    },
    cases=(SLOWER, FAILED),
    ceilings=CEILINGS,
    null=NULL,
    complete=False,
    notes=("The time limit of 8 min came before 2 of 4 cases.",),
)
