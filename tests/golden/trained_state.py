"""Set a trained network beside the authors' code: ``python -m tests.golden.trained_state CODE NETWORK RUN CHECKPOINT``.

The arrays beside this file are of small networks at their start. This takes a run's weights from a checkpoint, gives
them to the network of a checkout of the authors' repository (2020-06 or 2020-09, which run on a CPU), and prints how
far outputs, loss and gradients of a batch of training images are apart. Their code is imported, with stand-ins for
the packages that tell it the name of a GPU and colour its messages.
"""

import argparse
import contextlib
import importlib
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import MagicMock

import torch
import yaml  # type: ignore[import-untyped]
from torch import Tensor

from baselines.method import Model, get_method
from benchmarks.config.nested import merge, parse_overrides
from benchmarks.config.run import kept_run
from benchmarks.datasets.dataset import data_root, get_dataset
from benchmarks.training.checkpoints import read_checkpoint

SEED = 5
"""Of the draw of the images."""

STOOD_IN = ("pycuda", "pycuda.driver", "pycuda.autoinit", "rich", "rich.console", "rich.progress")


def gradients(loss: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
    """Gradient of each weight without axes of length 1: their kernels have one for time."""
    return [gradient.squeeze() for gradient in torch.autograd.grad(loss, weights)]


def of_authors(
    code: Path, network: str, weights: Sequence[Tensor], images: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
    """Outputs ``[T, B, classes]`` and loss of the authors' network, and its weights."""
    sys.modules |= dict.fromkeys(STOOD_IN, MagicMock())
    sys.path.insert(0, str(code))
    glv, cnns, losses = map(importlib.import_module, ("global_v", "cnns", "functions.loss_f"))
    config = yaml.safe_load((code / "Networks" / network).read_text(encoding="utf-8"))
    settings, layers, steps = config["Network"], config["Layers"], config["Network"]["n_steps"]
    glv.init(images.dtype, images.device, steps, settings["tau_s"])
    with contextlib.redirect_stdout(io.StringIO()):
        net = cnns.Network(settings, layers, list(images.shape[1:]))
    theirs = list(net.get_parameters())
    for weight, ours in zip(theirs, weights, strict=True):
        weight.data = ours.detach().reshape(weight.shape).clone()
    output = net(images.unsqueeze(-1).repeat(1, 1, 1, 1, steps), 0, True)
    true = torch.nn.functional.one_hot(labels, output.shape[1]).bool()[..., None, None]
    criterion = losses.SpikeLoss(settings)
    if settings["loss"] == "count":
        counts = torch.where(true, float(settings["desired_count"]), float(settings["undesired_count"]))
        loss = criterion.spike_count(output, counts, settings, layers["output"])
    else:
        train = losses.psp(torch.tensor([0.0, 1, 0, 1, 1]).view(1, 1, 1, 1, 5), settings)
        loss = criterion.spike_kernel(output, true[..., None] * train, settings)
    return output.flatten(2).permute(2, 0, 1), loss, theirs


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("code", type=Path, help="a checkout of the authors' repository at the commit of the version")
    parser.add_argument("network", help="file in its folder Networks, such as FashionMNIST_CNN.yaml")
    parser.add_argument("run", type=Path, help="folder of the run's record")
    parser.add_argument("checkpoint", type=Path, help="of the run")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help="of ours")
    options = parser.parse_args()
    record = json.loads((options.run / "run.json").read_text(encoding="utf-8"))
    config = kept_run(merge(record["config"], parse_overrides(options.overrides)))
    train = get_dataset(config.dataset).load(data_root(None)).train
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(SEED))
    images, labels = train.batch(order[: config.batch_size])
    model: Model = get_method(config.method).build(
        config.network_spec(), config.method_parameters(), backend="reference"
    )
    snapshot = read_checkpoint(options.checkpoint)
    model.load_state_dict(snapshot["model"])
    weights = list(model.parameters())
    theirs, their_loss, their_weights = of_authors(options.code, options.network, weights, images, labels)
    output = model(images)
    loss = model.loss(output, labels)
    outputs_apart = (output - theirs).detach().abs().max()
    print(f"{config.title}, after epoch {len(snapshot['history'])}: {len(images)} training images")
    print(f"right: {float((output.sum(0).argmax(1) == labels).float().mean()):.0%}")
    print(f"largest difference of outputs: {float(outputs_apart):.1e}")
    print(f"loss: {loss.item():.7g} here, {their_loss.item():.7g} there")
    for weight, ours, others in zip(
        weights, gradients(loss, weights), gradients(their_loss, their_weights), strict=True
    ):
        apart = float((ours - others).norm() / others.norm())
        print(f"gradient of {tuple(weight.shape)}: norm {float(ours.norm()):.4g}, relative difference {apart:.1e}")


if __name__ == "__main__":
    main()
