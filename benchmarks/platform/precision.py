"""The type in which convolutions and matrix products are computed; weights, neurons, loss and optimiser are in float32.

What a name means on a GPU:

``float32``
    Products in float32 throughout.
``tf32``
    Factors of convolutions and matrix products rounded to TF32 (a mantissa of 10 bits), sums in float32.
``bfloat16``, ``float16``
    Products of that type under ``torch.autocast``, sums in float32. The layers exchange tensors of that type; the
    neurons' kernels keep their state in float32.

The CPU knows no TF32: there ``tf32`` is float32, and both are reported as ``float32``.
"""

from collections.abc import Mapping
from types import MappingProxyType

import torch

from benchmarks.defaults import Precision
from benchmarks.errors import ConfigError
from benchmarks.platform.determinism import allow_tf32

HALF: Mapping[Precision, torch.dtype] = MappingProxyType({"bfloat16": torch.bfloat16, "float16": torch.float16})
"""Those of 16 bits, and their types."""


LOSS_SCALE: Mapping[Precision, float] = MappingProxyType({"float16": 2.0**6})
"""Gradients are so many times as large on their way back, and divided by it before they are clipped, which is exact.

Below 2^-14 float16 has fewer digits. Of the gradients of MNIST's and FashionMNIST's CNN, those of currents are at most
1, and up to nine tenths of them smaller than that; those of weights stay below 50, far from the largest number, 65504.
"""


def precision_on(device: torch.device, asked: Precision) -> Precision:
    """Return the precision that products have on a device: what is logged and reported.

    Raises
    ------
    ConfigError
        If the device does not compute in it.
    """
    if device.type != "cpu":
        return asked
    if asked in HALF:
        raise ConfigError(
            f"precision is {asked!r} on the CPU; expected 'float32' or 'tf32', as products of 16 bits are for GPUs: "
            "name one by --device cuda, or set run.precision=float32"
        )
    return "float32"


def loss_scale(precision: Precision) -> float:
    """Factor of the loss, see `benchmarks.training.optimisation.train_step`."""
    return LOSS_SCALE.get(precision, 1.0)


def choose_precision(device: torch.device, asked: Precision) -> torch.dtype | None:
    """Have float32 products computed as asked, and return the type of 16 bits for `Model.products`, if it is one."""
    precision = precision_on(device, asked)
    if device.type == "cuda":
        allow_tf32(precision == "tf32")
    return HALF.get(precision)
