"""The command line: the only place that prints or exits.

An error of a user's is told without a traceback, and says what would be right.
"""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Sequence

from costlab.errors import CostlabError, words_of

COULD_NOT_SAY = 2
INTERRUPTED = 130  # 128 + SIGINT, as a shell has it
TERMINATED = 143  # 128 + SIGTERM
EXIT_CODES = {
    0: "all is well",
    1: "what was to hold did not",
    COULD_NOT_SAY: "it could not be said",
    INTERRUPTED: "interrupted with Ctrl-C",
    TERMINATED: "ended by SIGTERM",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and exits with its code; no traceback of costlab's own reaches a user.

    Without arguments they are those of the process, which then runs the code of models in a child
    (`costlab.cli.attended`).
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    word = None
    if arguments is None and sys.orig_argv:
        from costlab.cli.attended import Unsaid, attend, last_word, runs_code

        word = last_word()
        if word is None and runs_code(given):
            try:
                sys.exit(attend())
            except Unsaid as ended:
                sys.exit(_complain(str(ended)))
            except OSError as error:
                sys.exit(_complain(f"no process can be started: {error}; see TMPDIR"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    # Importing torch makes very many objects, and each full collection looks at all of them. A
    # command ends before there is anything worth collecting.
    enabled = gc.isenabled()
    gc.disable()
    try:
        code = _run(given)
    finally:
        if enabled:
            gc.enable()
    if word is not None:
        word.write_text(str(code), encoding="ascii")
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    from costlab.cli.output import write_out

    debug = "--debug" in arguments
    try:
        code = _dispatch(arguments)
        write_out("")
    except CostlabError as error:
        return _complain(str(error), debug=debug)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Help that goes to `| head`: what was read was well.
        write_out("")
        return 0
    except Exception as error:  # noqa: BLE001 - the last resort: a defect is told, not thrown
        return _complain(_defect(error), debug=debug)
    except BaseException as error:  # noqa: BLE001 - a model's code may raise what is no Exception
        what = f"{type(error).__name__} was raised, which is no error that code should raise"
        return _complain(f"{what}: {words_of(error)}", debug=debug)
    return code


def _defect(error: Exception) -> str:
    """What to say of an error that nobody expected: most likely a bug of ours."""
    if isinstance(error, OSError):
        from costlab.cli.output import write_out

        try:
            write_out("")
        except CostlabError as full:  # help went to a stdout that takes no more
            return str(full)
    return (
        f"a defect of costlab: {type(error).__name__}: {words_of(error)}; run again with "
        "--debug and report what it prints"
    )


def _dispatch(arguments: list[str]) -> int:
    import typer

    from costlab.cli.app import LISTED, app_for, whole
    from costlab.cli.misuse import Misuse, explained

    named = arguments[:1]
    app = app_for(named) if named and named[0] in LISTED else whole()
    try:
        code = app(arguments, prog_name="costlab", standalone_mode=False)
    except Misuse as error:
        return _complain(explained(error))
    except typer.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _complain(message: str, *, debug: bool = False) -> int:
    """Writes a message to stderr, the traceback before it if it is asked for; the exit code."""
    from costlab.cli.voice import write_err
    from costlab.render.cells import literal

    if debug:
        write_err(traceback.format_exc())
    # A name or an error of the user's may hold anything; only its line breaks are ours to keep.
    text = "\n".join(map(literal, message.split("\n")))
    write_err(f"error: {text}\n")
    return COULD_NOT_SAY
