"""`python -m costlab` on the code of a git ref: nothing may come from the checkout instead.

An editable install finds a package in the checkout, whatever folder Python runs in; the ref would
then be said to cost what the checkout does. Run as `python -m costlab.budgets.apart CHECKOUT TREE`,
and behind that a command of costlab.
"""

from __future__ import annotations

import runpy
import site
import sys
from pathlib import Path

COSTLAB = Path(__file__).resolve().parents[1]
ANOTHER = 3
"""The exit code where code came from elsewhere; the files are told on stderr, a line each."""


def main() -> None:
    """Runs costlab, and then looks at where all that it imported is from."""
    checkout, tree = (Path(given).resolve() for given in sys.argv[1:3])
    sys.argv[1:3] = []
    try:
        runpy.run_module("costlab", run_name="__main__", alter_sys=True)
    except SystemExit:
        found = strangers(checkout, tree)
        if not found:
            raise
        sys.stderr.write("".join(f"{file}\n" for file in found))
        raise SystemExit(ANOTHER) from None


def strangers(checkout: Path, tree: Path) -> list[str]:
    """The files in the checkout that modules were imported from, though they are in the tree too.

    Python's own libraries, installed packages and costlab are the same for every ref.
    """
    shared = [tree, COSTLAB, *map(Path, (sys.prefix, sys.base_prefix, *site.getsitepackages()))]
    shared = [place.resolve() for place in shared]
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    paths = [Path(file).resolve() for file in files if isinstance(file, str)]
    return sorted(
        str(path)
        for path in paths
        if path.is_relative_to(checkout) and not any(path.is_relative_to(place) for place in shared)
    )


if __name__ == "__main__":
    main()
