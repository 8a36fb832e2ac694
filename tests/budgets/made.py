"""Reports and configurations made by hand, for tests of budgets."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from costlab.blocks import Block, OpTally
from costlab.budgets.baseline import Baseline, snapshot
from costlab.budgets.budget import Config
from costlab.budgets.checks import Checks
from costlab.budgets.configfile import parsed
from costlab.budgets.evaluate import check
from costlab.cost import Cost
from costlab.report import Covered, Report, Total, Unknown

TODAY = date(2026, 6, 1)
MODEL = '[models.net]\nmodel = "net.py:Net"\n'
VERSIONS = {"costlab": "0.1.0", "torch": "2.13.0", "python": "3.11"}


def leaf(path: str, macs: int, *, calls: int = 1) -> Block:
    """A convolution of some MACs, as many FLOPs again, and a tenth of that in parameters."""
    ops = (OpTally("conv2d", "convolution", 1, 8, macs, 2 * macs, 4),) if calls else ()
    ran = bool(calls)
    cost = Cost(macs * ran, 2 * macs * ran, macs // 10, macs // 10 * ran, 8 * ran, 4 * ran)
    return Block(path, "Conv2d", cost, (), calls, (), ops)


def report(*blocks: Block, **changes: object) -> Report:
    """The report of a model made of these blocks."""
    root = Block("", "Net", Cost(), blocks or TREE, 1)
    total = Total(**root.cost._asdict(), peak_activation_bytes=64, depth=3)
    made = Report("net.py:Net", "eval", ("f32[1,3,8,8]",), total, Covered(3, 0), root, VERSIONS)
    return replace(made, **changes)  # type: ignore[arg-type]  # whatever a test changes


TREE = (
    leaf("stem", 100),
    Block("body", "Body", Cost(), (leaf("body.one", 1_000), leaf("body.two", 2_000)), 1),
    leaf("aux", 500, calls=0),
)
UNKNOWN = Covered(3, 0, (Unknown("aten::roll", "body.one", 1, 8),))


def config(text: str, head: str = "") -> Config:
    """The configuration of one model and of what a text adds to it."""
    return parsed(head + MODEL + text)


def judged(
    text: str | Config,
    head: Report | Mapping[str, Report] | None = None,
    baseline: Baseline | None = None,
    anchor: Baseline | None = None,
    today: date = TODAY,
) -> Checks:
    """What becomes of a configuration, for the report of a model or for several."""
    reports = head if isinstance(head, Mapping) else {"net": head or report()}
    made = config(text) if isinstance(text, str) else text
    return check(made, reports, baseline, anchor, today)


def budget(body: str, name: str = "b") -> str:
    """A budget's table."""
    return f'[[budgets]]\nid = "{name}"\n{body}\n'


def told(checks: Checks) -> str:
    """All problems as one text."""
    return "\n".join(problem.text for problem in checks.problems)


def values(checks: Checks) -> list[tuple[str, int, str]]:
    """Subject, value and outcome of each check."""
    return [(check.subject, check.value, check.outcome) for check in checks.checks]


def base(text: str, *blocks: Block, **changes: object) -> Baseline:
    """The baseline of a configuration, measured on these blocks."""
    return snapshot(config(text), {"net": report(*blocks, **changes)})
