"""The counters whose conventions are known, each a table of rules.

Knows no model; what the rules say was read from the counters' sources and is checked against the
counters themselves (tests/conventions), at the versions that stand here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from costlab.conventions import (
    flop_counter_mode,
    fvcore,
    ptflops,
    thop,
    torchinfo,
    torchprofile,
)

if TYPE_CHECKING:
    from costlab.conventions.rules import Tool

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        flop_counter_mode.TOOL,
        fvcore.TOOL,
        torchinfo.TOOL,
        ptflops.TOOL,
        thop.TOOL,
        torchprofile.TOOL,
    )
}
"""The counters, by name, in the order in which they are shown."""
