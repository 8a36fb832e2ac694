"""Arguments that typer refuses, told as costlab tells its own errors.

Knows typer's errors only by what they say.
"""

from __future__ import annotations

import re
from typing import cast

import typer

from costlab.errors import did_you_mean

Misuse = cast("type[Exception]", typer.BadParameter.__mro__[2])
"""The root of what typer raises on arguments; it has no public name."""

_CHOICE = re.compile(
    r"(?:Value error, )?'(?P<given>.*)' is not one of (?P<known>'.*')\.?", re.DOTALL
)


def explained(error: BaseException) -> str:
    """What is wrong, where, and what would be right."""
    message = str(getattr(error, "format_message", error.__str__)())
    if type(error).__name__ == "NoArgsIsHelpError":
        return f"no command was given.\n{message}"
    context = getattr(error, "ctx", None)
    place = getattr(context, "command_path", "costlab")
    option = getattr(error, "option_name", None)
    if context is not None and option and type(error).__name__ == "NoSuchOption":
        known = [name for param in context.command.get_params(context) for name in param.opts]
        message = f"there is no option {option}.{did_you_mean(option, known)}"
    parameter = getattr(error, "param", None)
    choice = _CHOICE.fullmatch(str(getattr(error, "message", "")))
    if parameter is not None and choice is not None:
        known = re.findall(r"'([^']*)'", choice["known"])
        near = did_you_mean(choice["given"], known)
        message = f"{parameter.opts[0]} is {choice['given']!r}; it must be {_either(known)}.{near}"
    message = (
        " ".join(message.split("\n")).replace(" \t", " ").rstrip()
    )  # a choice a line, in typer
    message = f"{message[:1].lower()}{message[1:]}"
    return f"{message if message.endswith(('.', '?')) else message + '.'} Try `{place} --help`."


def _either(known: list[str]) -> str:
    """The choices as a reader says them.

    >>> _either(["auto", "always", "never"])
    'auto, always or never'
    """
    return " or ".join([", ".join(known[:-1]), known[-1]] if known[1:] else known)
