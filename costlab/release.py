"""Which costlab this is, also where it was never installed: a checkout that is merely run.

Knows nothing else of the house.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

CHECKOUT = Path(__file__).parents[1] / "pyproject.toml"


@cache
def release() -> str:
    """The version of costlab: the installed package's, or else the checkout's.

    >>> release()[0].isdigit()
    True
    """
    try:
        return version("costlab")
    except PackageNotFoundError:
        with CHECKOUT.open("rb") as file:
            told: str = tomllib.load(file)["project"]["version"]
        return told
