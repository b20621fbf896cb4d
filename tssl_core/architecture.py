"""Architecture strings such as ``15C5-P2-40C5-P2-300``, read into layer specifications; no torch here.

Layers are separated by ``-``:

- ``15C5``  convolution, 15 channels, kernel 5 x 5, stride 1
- ``P2``    pooling over 2 x 2, stride 2
- ``300``   fully connected, 300 neurons

Options follow a layer's own letters in this order:

- ``p1``    zero padding of a convolution (default 0)
- ``w5``    factor on the initial weights (default 1)
- ``d0.2``  dropout rate behind the layer (default 0)

so that ``96C3p1w5d0.2`` is a 3 x 3 convolution to 96 channels, padded by 1, with initial weights times 5 and
a fifth of its outputs dropped. The output layer, one neuron a class, is implied.
"""

import itertools
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tssl_core.errors import ArchitectureError

InputShape: TypeAlias = tuple[int, int, int]
"""Channels, height, width."""

InitialWeights: TypeAlias = Literal["pytorch_default", "kaiming_normal"]
"""How convolutions are initialised, see `tssl_core.layers.synapse`."""


@dataclass(frozen=True, kw_only=True)
class Conv:
    """Convolution with stride 1."""

    channels: int
    kernel: int
    padding: int = 0
    weight_scale: float = 1.0
    dropout: float = 0.0

    def __str__(self) -> str:
        padding = f"p{self.padding}" if self.padding else ""
        return f"{self.channels}C{self.kernel}{padding}{_options(self.weight_scale, self.dropout)}"

    @property
    def plain(self) -> str:
        """Without options, as papers print it."""
        return f"{self.channels}C{self.kernel}"


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Pooling over squares that do not overlap; an incomplete border is left out."""

    size: int
    dropout: float = 0.0

    def __str__(self) -> str:
        return f"P{self.size}{_options(1.0, self.dropout)}"

    @property
    def plain(self) -> str:
        """Without options, as papers print it."""
        return f"P{self.size}"


@dataclass(frozen=True, kw_only=True)
class Dense:
    """Fully connected layer."""

    features: int
    weight_scale: float = 1.0
    dropout: float = 0.0

    def __str__(self) -> str:
        return f"{self.features}{_options(self.weight_scale, self.dropout)}"

    @property
    def plain(self) -> str:
        """Without options, as papers print it."""
        return f"{self.features}"


LayerSpec: TypeAlias = Conv | Pool | Dense

_NUMBER = r"\d+(?:\.\d+)?"
_LAYER = re.compile(
    rf"(?:(?P<channels>\d+)C(?P<kernel>\d+)(?:p(?P<padding>\d+))?|P(?P<size>\d+)|(?P<features>\d+))"
    rf"(?:w(?P<weight_scale>{_NUMBER}))?(?:d(?P<dropout>{_NUMBER}))?"
)


def _options(weight_scale: float, dropout: float) -> str:
    scale = f"w{weight_scale:g}" if weight_scale != 1 else ""
    return scale + (f"d{dropout:g}" if dropout else "")


@dataclass(frozen=True)
class Architecture:
    """The hidden layers of a network; ``str()`` gives the text that `parse` reads."""

    layers: tuple[LayerSpec, ...]

    def __str__(self) -> str:
        return "-".join(str(layer) for layer in self.layers)

    @property
    def plain(self) -> str:
        """Without options, as papers print it: the name under which published results are looked up."""
        return "-".join(layer.plain for layer in self.layers)

    def output_shapes(self, input_shape: InputShape) -> list[InputShape]:
        """Shape ``(channels, height, width)`` behind each layer, ``(features, 1, 1)`` behind dense ones.

        Raises
        ------
        ArchitectureError
            If a kernel or pooling window is larger than what reaches it.
        """
        shapes: list[InputShape] = []
        shape = input_shape
        for position, layer in enumerate(self.layers, start=1):
            shape = _output_shape(layer, shape)
            if min(shape) < 1:
                before = shapes[-1] if shapes else input_shape
                raise ArchitectureError(
                    f"layer {position} ({layer}) of {self} leaves nothing of its {before[1]} x {before[2]} input; "
                    f"expected a smaller kernel or window, more padding, or fewer layers before it"
                )
            shapes.append(shape)
        return shapes


def _output_shape(layer: LayerSpec, shape: InputShape) -> InputShape:
    _, height, width = shape
    match layer:
        case Conv():
            shrink = layer.kernel - 1 - 2 * layer.padding
            return layer.channels, height - shrink, width - shrink
        case Pool():
            return shape[0], height // layer.size, width // layer.size
        case Dense():
            return layer.features, 1, 1


def parse_architecture(text: str) -> Architecture:
    """Read an architecture string; the module's docstring gives its form.

    Raises
    ------
    ArchitectureError
        If the text is empty, a layer cannot be read, a size is 0, a dropout rate is not under 1, a pooling
        layer has a weight scale, or a convolution or pooling follows a fully connected layer.
    """
    if not text.strip():
        raise ArchitectureError("architecture is empty; expected layers such as '15C5-P2-40C5-P2-300'")
    layers = tuple(_parse_layer(part, text) for part in text.strip().split("-"))
    for before, layer in itertools.pairwise(layers):
        if isinstance(before, Dense) and not isinstance(layer, Dense):
            raise ArchitectureError(f"{layer} follows the fully connected {before} in {text!r}; put it before")
    return Architecture(layers)


def _parse_layer(part: str, text: str) -> LayerSpec:
    match = _LAYER.fullmatch(part)
    if match is None:
        raise ArchitectureError(
            f"cannot read layer {part!r} of {text!r}; expected a convolution such as 15C5, 15C5p2 or 15C5p1w5d0.2, "
            f"a pooling such as P2, or a number of neurons such as 300"
        )
    sizes = {name: int(match[name]) for name in ("channels", "kernel", "size", "features") if match[name]}
    if min(sizes.values()) < 1:
        raise ArchitectureError(f"layer {part!r} of {text!r} has a size of 0; expected at least 1")
    dropout = float(match["dropout"] or 0)
    if dropout >= 1:
        raise ArchitectureError(f"layer {part!r} of {text!r} has dropout {dropout:g}; expected a rate below 1")
    weight_scale = float(match["weight_scale"] or 1)
    if match["features"]:
        return Dense(features=sizes["features"], weight_scale=weight_scale, dropout=dropout)
    if match["channels"]:
        padding = int(match["padding"] or 0)
        return Conv(
            channels=sizes["channels"],
            kernel=sizes["kernel"],
            padding=padding,
            weight_scale=weight_scale,
            dropout=dropout,
        )
    if match["weight_scale"]:
        raise ArchitectureError(f"pooling {part!r} of {text!r} has a weight scale; it has no weights")
    return Pool(size=sizes["size"], dropout=dropout)
