"""What pytest leaves out of the package's doctests."""

from importlib.util import find_spec

NEED_TRITON = ("choosing", "inception", "program", "running", "units", "device/*")
"""Modules of the kernels that cannot be imported where triton is not installed."""

collect_ignore_glob = (
    [] if find_spec("triton") else [f"costlab/bench/kernels/{name}*" for name in NEED_TRITON]
)
