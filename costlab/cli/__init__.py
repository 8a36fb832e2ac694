"""The command line: the only place that prints or exits.

Exit codes: 0 all is well; 1 what was to hold did not; 2 it could not be said.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from costlab.errors import CostlabError

COULD_NOT_SAY = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and exits with its code; no traceback of costlab's own reaches a user."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_run(given))


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        return _dispatch(arguments)
    except CostlabError as error:
        if debug:
            raise
        _complain(str(error))
        return COULD_NOT_SAY
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`| head`); Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            raise
        _complain(
            f"a defect of costlab: {type(error).__name__}: {error}; run again with --debug and "
            "report what it prints"
        )
        return COULD_NOT_SAY


def _dispatch(arguments: list[str]) -> int:
    import click

    from costlab.cli.app import app

    try:
        code = app(arguments, prog_name="costlab", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return COULD_NOT_SAY
    except click.exceptions.Abort:
        return INTERRUPTED
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _complain(message: str) -> None:
    sys.stderr.write(f"error: {message}\n")
