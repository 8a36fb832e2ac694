"""The generated parts of README.md and docs/, and the zoo's traced figures, from the code itself.

`python docs/generate.py` writes what has changed; with `--check` it writes nothing, names what is
stale, and exits with 1. It knows no figure: each comes from a run, or from `benchmarks/results/`.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer

from costlab import analyze, sources
from costlab.analysis import versions
from costlab.claims import recorded
from costlab.claims.lab import Lab
from costlab.claims.ladder import LADDER
from costlab.claims.ledger import judge_all
from costlab.claims.sections import SECTIONS
from costlab.cli import EXIT_CODES, main
from costlab.cli.app import COMMANDS, app
from costlab.zoo import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
INDEX = DOCS / "index.md"
KERNELS = DOCS / "kernels.md"
RECORDED = ROOT / "costlab" / "claims" / recorded.NAME
TRACED = ROOT / "costlab" / "zoo" / "traced.json"
FIGURES = ("macs", "params", "params_executed", "depth")
EXAMPLES = {name: examples for name, _, _, examples in COMMANDS}
LONG = 160
"""Characters of a sentence that is too long for the index."""
FIRST = ("convention.md", "cli.md")
"""The pages that the index lists before all others, which follow by name."""

PAGES = {
    "torchvision.md": ("torchvision_page.py", "torchvision.json"),
    "scoreboard.md": ("scoreboard_page.py", "scoreboard.json"),
    "speed.md": ("speed_page.py", "analysis.json"),
    "timm.md": ("timm_page.py", "timm.json"),
    "bench.md": ("bench_page.py", "bench_cpu.json"),
}
"""Pages that a script makes of a file of results: the page, its script, its results."""

NOTICE = "<!-- Written by `make docs`; what stands here is changed where it comes from. -->"

STREAMS = (
    "Results go to stdout, all else to stderr; `python -m costlab` is the same command, and so "
    "is `python cli.py` in a checkout."
)


def generated() -> Iterator[tuple[Path, str]]:
    """Each generated file and what it is to hold; the index last, as it lists the others."""
    yield TRACED, json.dumps(traced(), indent=1) + "\n"
    lab = Lab()
    verdicts = judge_all(SECTIONS, lab, versions())
    ladder = judge_all([LADDER], lab, versions())
    yield RECORDED, recorded.record([*verdicts.claims, *ladder.claims])
    claims_page = script(DOCS / "claims_page.py")
    readme = between("table", README.read_text(encoding="utf-8"), table())
    yield README, between("claims", readme, claims_page.counts(verdicts))
    pages = {
        DOCS / "cli.md": cli_page(),
        DOCS / "claims.md": claims_page.page(verdicts, ladder),
    }
    for name, (source, results) in PAGES.items():
        if (DOCS / source).exists() and (RESULTS / results).exists():
            pages[DOCS / name] = result_page(DOCS / source, RESULTS / results)
    gpus = script(DOCS / "bench_page.py").gpus(RESULTS)
    pages[KERNELS] = kernels_page(gpus)
    for folder in gpus:
        yield from gpu_pictures(folder)
        pages |= gpu_page(folder)
    yield from pages.items()
    written = {page: page.read_text(encoding="utf-8") for page in DOCS.glob("*.md")} | pages
    written.pop(INDEX)
    yield INDEX, between("pages", INDEX.read_text(encoding="utf-8"), index(written))


def kernels_page(gpus: list[Path]) -> str:
    """The page of the kernels, with its tables, and with what of them ran on these GPUs."""
    page = KERNELS.read_text(encoding="utf-8")
    for name, text in script(DOCS / "kernels_page.py").parts(gpus).items():
        page = between(name, page, text)
    return page


def gpu_page(folder: Path) -> dict[Path, str]:
    """The page of a GPU whose results are in a folder."""
    return {DOCS / f"{folder.name}.md": script(DOCS / "gpu_page.py").page(folder)}


def gpu_pictures(folder: Path) -> Iterator[tuple[Path, str]]:
    """The pictures on that page."""
    for name, picture in script(DOCS / "gpu_page.py").pictures(folder).items():
        yield DOCS / "images" / name, picture


def stale() -> list[Path]:
    """The generated files that do not hold what they are to hold."""
    return [
        path
        for path, text in generated()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def traced() -> dict[str, dict[str, int]]:
    """The figures of each network of the zoo, batch 1, in eval mode."""
    figures = {}
    for name in CATALOGUE:
        source = sources.find(name)
        total = analyze(source.build(), source.inputs, mode="eval").total
        figures[name] = {figure: getattr(total, figure) for figure in FIGURES}
    return figures


def table() -> str:
    """What `costlab report inception_v3` prints, as a block of text."""
    return f"```text\n$ costlab report inception_v3\n{printed('report', 'inception_v3')}```"


def printed(*arguments: str) -> str:
    """What the command line prints into a pipe, whatever terminal this runs in."""
    here = dict(os.environ)
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        os.environ.pop(name, None)
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            main(arguments)
    except SystemExit as end:
        if end.code:
            raise
    finally:
        os.environ.update(here)
    return out.getvalue()


def between(name: str, page: str, text: str) -> str:
    """The page with a text between the two markers of this name.

    Raises:
        ValueError: the page does not have the two markers, once each.
    """
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if page.count(start) != 1 or page.count(end) != 1:
        message = f"the page must hold {start} and {end}, once each"
        raise ValueError(message)
    before, _, rest = page.partition(start)
    return f"{before}{start}\n\n{text}\n\n{end}{rest.partition(end)[2]}"


def index(pages: dict[Path, str]) -> str:
    """A list of pages: each title, with the first sentence below it."""
    order = {name: number for number, name in enumerate(FIRST)}
    ranked = sorted(pages, key=lambda page: (order.get(page.name, len(order)), page.name))
    return "\n".join(f"- [{title}]({page.name}): {first}" for page in ranked
                     for title, first in [opening(pages[page])])  # fmt: skip


def opening(page: str) -> tuple[str, str]:
    """The title of a page and the first sentence of its text; of a long one, what opens it."""
    title, _, rest = re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL).strip().partition("\n")
    paragraph = " ".join(rest.strip().split("\n\n")[0].split())
    sentence = re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]
    head, colon, _ = sentence.partition(": ")
    return title.lstrip("# "), f"{head}." if colon and len(sentence) > LONG else sentence


def result_page(source: Path, results: Path) -> str:
    """The page that a script makes of a file of results."""
    text: str = script(source).page(json.loads(results.read_text(encoding="utf-8")))
    return text


def script(source: Path) -> Any:
    """The module that a script is."""
    spec = importlib.util.spec_from_file_location(source.stem, source)
    if spec is None or spec.loader is None:
        message = f"{source} cannot be imported"
        raise ImportError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[source.stem] = module
    spec.loader.exec_module(module)
    return module


def cli_page() -> str:
    """The page of the command line: each command with its arguments, options and examples."""
    group: Any = typer.main.get_command(app)
    parts = [
        "# The command line",
        NOTICE,
        f"{group.help} {STREAMS}",
        "| exit code | meaning |\n| ---: | :--- |\n"
        + "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items()),
    ]
    for name, command in group.commands.items():
        if command.hidden:
            continue
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        usage = " ".join([f"costlab {name}", "[OPTIONS]", *(map(_taken, arguments))])
        options = [p for p in command.params if p.param_type_name == "option"]
        parts += [
            f"## `costlab {name}`",
            command.help,
            f"```sh\n{usage}\n```",
            *(f"`{_taken(p)}`: {p.help}" for p in arguments),
            "| option | meaning | default |\n| :--- | :--- | :--- |\n"
            + "\n".join(f"| {_names(p)} | {_escaped(p.help)} | {_default(p)} |" for p in options),
            "Examples:",
            "```sh\n" + "\n".join(f"{line}  # {gives}" for line, gives in EXAMPLES[name]) + "\n```",
        ]
    return "\n\n".join(parts) + "\n"


def _taken(parameter: Any) -> str:
    """What an argument or option takes: its own word for it, or the words to choose from."""
    choices = get_args(parameter.type_descriptor.annotation)
    return parameter.metavar or "|".join(c for c in choices if isinstance(c, str))


def _names(option: Any) -> str:
    """The spellings of an option, with what it takes."""
    takes = _taken(option)
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    return f"{names} `{_escaped(takes)}`" if takes and not option.is_flag else names


def _default(option: Any) -> str:
    return f"`{option.default}`" if isinstance(option.default, str) else ""


def _escaped(text: str) -> str:
    """The text in a cell of a table."""
    return text.replace("|", "\\|")


def run(arguments: list[str]) -> int:
    """Writes or checks; the exit code."""
    if "--check" in arguments:
        found = stale()
        for path in found:
            print(f"{path.relative_to(ROOT)} is stale; run `make docs`", file=sys.stderr)
        return 1 if found else 0
    for path, text in generated():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
