"""Arguments that cannot be used: each is named, with what would be right."""

import re

import pytest

from tests.cli.conftest import Costlab

REFUSED = [
    ([], r"error: no command was given\.\nUsage: costlab"),
    (["reprot", "inception_v3"], r"no such command 'reprot'\. Did you mean 'report'\?"),
    (["report"], r"missing argument 'MODEL'\. Try `costlab report --help`\."),
    (["baseline"], r"missing argument 'action'\. Choose from: update, merge\. Try `costlab base"),
    (["report", "a", "b"], r"unexpected extra argument\(s\) \(b\)\. Try `costlab report --help`"),
    (["report", "inception_v3", "--dept", "2"], r"no option --dept\. Did you mean --depth\?"),
    (["report", "inception_v3", "--depth"], r"option '--depth' requires an argument"),
    (["report", "inception_v3", "--depth", "x"], r"--depth is 'x'; it must be a number of levels"),
    (["report", "inception_v3", "--depth", "-1"], r"--depth is '-1'; it must be a number of"),
    (["report", "inception_v3", "--mode", "evl"], r"must be eval or train\. Did you mean eval\?"),
    (["report", "inception_v3", "--units", "SI"], r"must be si or exact\. Did you mean si\?"),
    (["report", "inception_v3", "--color", "no"], r"--color is 'no'; it must be auto, always or"),
    (["report", "inception_v3", "--top", "0"], r"'--top': .*greater than or equal to 1"),
    (["report", "inception_v3", "--top", "many"], r"invalid value for '--top'"),
    (["report", "inception_v3", "--columns", "mac"], r"no column 'mac'\. Did you mean macs\? Col"),
    (["report", "inception_v3", "--columns", ""], r"there is no column ''"),
    (["report", "inception_v3", "--columns", "macs,macs"], r"the column 'macs' is named twice"),
    (
        ["report", "inception_v3", "--columns", "poling.flops"],
        r"Did you mean pooling.flops\?.*a family of activation, attention",
    ),
    (["report", "inception_v3", "--columns", "pooling.x"], r"a measure of calls, elements, macs"),
    (["report", "inception_v3", "--sort", "mcas"], r"no column 'mcas'\. Did you mean macs\?"),
    (["report", "inception_v3", "--sort", "kind"], r"cannot sort by 'kind': .*Sort by one of cal"),
    (["report", "inception_v3", "--sort", "macs:up"], r"cannot sort 'up'; write macs:asc or mac"),
    (["report", "inception_v3", "--format", "jsn"], r"'jsn' is no format\. Did you mean json\?"),
    (["report", "inception_v3", "--format", "json:"], r"names no file; write json:PATH, or json"),
    (
        ["report", "inception_v3", "--format", "json", "--format", "csv"],
        r"two formats cannot share stdout; give each a file of its own, as in csv:report\.csv",
    ),
    (
        ["report", "inception_v3", "--module", "Mixd_7a"],
        r"no module matches 'Mixd_7a'\. Did you mean Mixed_7a\? `\*` stops at dots, `\*\*` cross",
    ),
    (
        ["report", "inception_v3", "--module", "Mixed_[7-5]a"],
        r"cannot read the module glob 'Mixed_\[7-5\]a': bad character range",
    ),
    (
        ["report", "inception_v3", "--module", "fc", "--module", "cf"],
        r"no module matches 'cf'",
    ),
    (
        ["report", "inception_v3", "-i", "f32[1,3,2x9,299]"],
        r"'2x9' is not a size\.\n  f32\[1,3,2x9,299\]\n {10}\^\nA spec is an element type",
    ),
    (
        ["report", "inception_v3", "-i", "x=f32[1]", "-i", "f32[1]"],
        r"the positional input 'f32\[1\]' follows a named one; put it first",
    ),
    (["list", "inception_v3"], r"unexpected extra argument\(s\) \(inception_v3\)"),
    (["show"], r"missing argument 'FILE'"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED, ids=[" ".join(a) for a, _ in REFUSED])
def test_what_cannot_be_used(costlab: Costlab, arguments: list[str], message: str) -> None:
    """The message names the thing and the remedy; stdout stays clean, and the code is 2."""
    found = costlab(*arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("error: ")
    assert "Traceback" not in found.err
    assert "defect" not in found.err
    assert re.search(message, found.err), found.err


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["report", "--help"], ["list", "-h"]])
def test_help(costlab: Costlab, arguments: list[str]) -> None:
    """Help is a result: it goes to stdout."""
    found = costlab(*arguments)
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("Usage: costlab ")


def test_help_cuts_no_summary(costlab: Costlab) -> None:
    """The summaries of the commands stand there in full."""
    assert "..." not in costlab("--help").out.replace("[ARGS]...", "")


def test_version(costlab: Costlab) -> None:
    """The version is one line."""
    assert re.fullmatch(r"costlab \d+\.\d+\.\d+\S*\n", costlab("--version").out)


def test_a_defect_is_told(costlab: Costlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody expected is one line and code 2, and a traceback with --debug."""

    def fail(*_: object, **__: object) -> None:
        message = "nobody expected this"
        raise ZeroDivisionError(message)

    monkeypatch.setattr("costlab.sources.find", fail)
    found = costlab("report", "inception_v3")
    assert (found.code, found.out) == (2, "")
    assert found.err == (
        "error: a defect of costlab: ZeroDivisionError: nobody expected this; run again with "
        "--debug and report what it prints\n"
    )
    assert "Traceback" in costlab("report", "inception_v3", "--debug").err


def test_an_interrupt(costlab: Costlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a run with the code that shells expect, and no message."""

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("costlab.sources.find", interrupt)
    assert costlab("report", "inception_v3") == (130, "", "")
    assert "130 interrupted with Ctrl-C" in " ".join(costlab("--help").out.split())
