"""What is timed: a forward or a training step, called on one set of inputs after the other.

It knows neither how a step was compiled, nor how anything is timed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import torch

from costlab.bench.correctness import gradients, loss_of
from costlab.bench.inputs import tensors_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor, nn

    from costlab.bench.inputs import Rotation
    from costlab.bench.mixed import Mixed

# A rate at which the weights stay what they are through many steps: an update takes the same time.
LEARNING_RATE = 1e-9
MOMENTUM = 0.9


class Calls(Protocol):
    """Something to call, again and again."""

    def __call__(self) -> None:
        """Runs once, on the next set."""
        ...

    def repeat(self, calls: int) -> None:
        """Runs so many times, as fast as the device can; each on the next set."""
        ...

    def first(self) -> Sequence[Tensor]:
        """Runs on the first set, and gives what was written: outputs, and gradients if trained."""
        ...


class Forward:
    """A forward without gradients; `function` takes the arguments of the model.

    `run` leaves it to the caller to turn them off, once for many calls: where they are on, what a
    compiler made asks at each call which tensors need one, and eager does not.
    """

    grads = False

    def __init__(self, function: Callable[..., Any], module: nn.Module) -> None:
        self.function = function
        module.requires_grad_(requires_grad=False)

    def __call__(self, *args: Any, **kwargs: Any) -> Sequence[Tensor]:
        """What the forward writes."""
        with torch.no_grad():
            return tensors_of(self.function(*args, **kwargs))

    def run(self, *args: Any, **kwargs: Any) -> None:
        """The forward alone: what it writes is dropped."""
        self.function(*args, **kwargs)


class Step:
    """A forward, a backward of the outputs' mean square, and a step of SGD with momentum."""

    grads = True

    def __init__(self, function: Callable[..., Any], module: nn.Module, mixed: Mixed) -> None:
        self.function, self.module, self.mixed = function, module, mixed
        self.optimizer = torch.optim.SGD(module.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)

    def __call__(self, *args: Any, **kwargs: Any) -> Sequence[Tensor]:
        """The outputs and then the gradients of the parameters."""
        outputs = self._step(*args, **kwargs)
        return [*(tensor.detach() for tensor in outputs), *gradients(self.module)]

    def run(self, *args: Any, **kwargs: Any) -> None:
        """The step alone."""
        self._step(*args, **kwargs)

    def _step(self, *args: Any, **kwargs: Any) -> Sequence[Tensor]:
        self.optimizer.zero_grad(set_to_none=True)
        with self.mixed.forward():
            outputs = tensors_of(self.function(*args, **kwargs))
            loss = self.mixed.scaled(loss_of(outputs))
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.mixed.unscale(gradients(self.module))
        self.optimizer.step()
        return outputs


Work = Forward | Step


class Rotating:
    """Calls that are made one by one, from Python; `works` are one, or one a set of inputs."""

    def __init__(self, works: Sequence[Work], inputs: Rotation) -> None:
        self.works, self.inputs = works, inputs
        # Put together once, so that a call is hardly more than the model's own.
        self._calls = [
            (works[number % len(works)].run, *inputs.at(number)) for number in range(len(inputs))
        ]

    def __call__(self) -> None:
        """Runs once, on the next set."""
        self.repeat(1)

    def repeat(self, calls: int) -> None:
        """Runs so many times."""
        with torch.set_grad_enabled(self.works[0].grads):
            for _ in range(calls):
                run, args, kwargs = self._calls[self.inputs.advance()]
                run(*args, **kwargs)

    def first(self) -> Sequence[Tensor]:
        """Runs on the first set."""
        args, kwargs = self.inputs.at(0)
        return self.works[0](*args, **kwargs)
