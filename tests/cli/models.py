"""The file of models that the tests of the command line take for a user's."""

IMAGE = "f32[1,3,8,8]"
NET = """\
import sys

import torch
from torch import nn

print("chatter of the import")


class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)
        self.fc = nn.Linear(width * 64, 10)

    def forward(self, x):
        print("chatter of the forward")
        return self.fc(torch.relu(self.conv(x)).flatten(1))


def make(width=8):
    print("chatter of the factory")
    return Net(width)


class Kinds:
    class Inner(Net):
        pass


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 1)
        self.body = nn.Sequential()
        self.body.add_module("conv", nn.Conv2d(4, 4, 1))
        self.body.add_module("wide", nn.Conv2d(8, 8, 1))

    def forward(self, x):
        y = self.stem(x)
        return self.body(y)


class Raises(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x):
        self.conv(x)
        raise KeyError("a key of the user's")


class Exits(nn.Module):
    def forward(self, x):
        sys.exit(5)


class Nothing(nn.Module):
    def forward(self, x):
        return x


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x, *, mask):
        return self.fc(x) * mask


class Hostile(nn.Module):
    NAMES = ("a\\nb", "e\\x1b[31mred", "p|q", "[bold]m[/bold]", "<b>h</b>", "=1+1", "`t`")

    def __init__(self):
        super().__init__()
        for name in self.NAMES:
            self.add_module(name, nn.Linear(4, 4))

    def forward(self, x):
        for child in self.children():
            x = child(x)
        return x


class Sorted(nn.Module):
    def forward(self, x):
        return torch.linalg.svdvals(x)


def lazy():
    return nn.Sequential(nn.LazyLinear(4))


def typo():
    return Net(widht=3)


def none():
    return None


def the_class():
    return Net


def exits():
    sys.exit(3)


instance = Net()
number = 5
"""

FAILING_LINE = NET[: NET.index("return self.body(y)")].count("\n") + 1
"""The line of net.py on which `Broken` calls the layer that does not fit."""
