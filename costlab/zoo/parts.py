"""What a part of a network needs to stand on its own: arguments in place of a network's style.

It knows no part.
"""

from __future__ import annotations

from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar, get_args

from costlab.errors import UsageError
from costlab.zoo.convolutions import Style, checked_choice
from costlab.zoo.layers import Block, Stage, extend

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

Finish: TypeAlias = Literal["bare", "bias_relu", "bn_relu"]
"""What stands behind each convolution: nothing; its bias and ReLU; batch normalization and ReLU."""

Pool: TypeAlias = Literal["avg", "max"]
"""Whether a pooling averages or takes the largest."""

Part = TypeVar("Part", bound=Stage)


class Series(Stage):
    """Blocks that run one after the other, each under its name."""

    def __init__(self, inputs: int, style: Style, /, **blocks: Block) -> None:
        super().__init__()
        self.outputs = extend(self, blocks, inputs, style)

    def forward(self, x: Tensor) -> Tensor:
        """What the last block writes."""
        for block in self.children():
            x = block(x)
        return x


def finished(finish: Finish, width: float = 1.0) -> Style:
    """The style of this finish.

    >>> finished("bare").activation is None, finished("bias_relu").bias
    (True, True)

    Raises:
        UsageError: there is no such finish, or the width is no positive number.
    """
    checked_choice("finish", finish, get_args(Finish))
    return Style(
        width,
        bias=finish == "bias_relu",
        normalized=finish == "bn_relu",
        activation=None if finish == "bare" else "relu",
    )


def counted(name: str, value: object) -> int:
    """The value of an argument that counts something.

    Raises:
        UsageError: it is no positive whole number.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{name}={value!r}: it is a whole number from 1 on")
    return value


def alone(part: Callable[..., Part], inputs: int) -> Callable[..., Part]:
    """How a part is built by itself: `inputs`, `width` and `finish` first, then its own arguments.

    `part` is called with its input channels, a style, and the arguments that it takes by name.
    """

    def build(
        inputs: int = inputs, *, width: float = 1.0, finish: Finish = "bn_relu", **own: object
    ) -> Part:
        for name, value in own.items():
            if name in whole or type(value) is int:
                counted(name, value)
        return part(counted("inputs", inputs), finished(finish, width), **own)

    taken = [p for p in signature(part).parameters.values() if p.kind is Parameter.KEYWORD_ONLY]
    whole = {p.name for p in taken if type(p.default) is int}
    shared = [p for p in signature(build).parameters.values() if p.kind is not p.VAR_KEYWORD]
    # What is wrong with a call is told before it is made, by this signature.
    build.__dict__["__signature__"] = Signature([*shared, *taken])
    build.__doc__ = part.__doc__
    return build
