"""Checks that a library computes what it claims; a time of it means nothing without."""

import torch
from torch import Tensor, nn

from baselines.method import NetworkSpec
from benchmarks.micro.peers import Peer, SpikeCountModel
from benchmarks.micro.recurrence import Unrolled
from tssl_core import LIFParams

GRADIENT_TOLERANCE = 1e-5
"""Largest difference between two gradients, over the largest gradient: rounding of float32 and no more."""


def check_neuron(peer: Peer, current: Tensor, grad: Tensor, lif: LIFParams) -> None:
    """Compare a library's neurons with the recurrence that they claim to compute.

    Parameters
    ----------
    peer : Peer
        Installed library.
    current, grad : Tensor
        Input and dL/d(spikes), ``[T, ...]``, float32.
    lif : LIFParams
        Neuron parameters.

    Raises
    ------
    AssertionError
        If a spike differs, or a gradient by more than rounding, or if nothing spikes.
    """
    spikes, gradient = _spikes_and_gradient(peer.neuron(lif), current, grad)
    expected_spikes, expected_gradient = _spikes_and_gradient(Unrolled(peer.recurrence(lif)), current, grad)
    _assert_same_spikes(peer, spikes, expected_spikes)
    _assert_same_gradient(peer, "the current", gradient, expected_gradient)


def check_network(peer: Peer, spec: NetworkSpec, images: Tensor, labels: Tensor, lif: LIFParams) -> None:
    """Compare a library's network, its loss and the gradients of its weights with those of the unrolled recurrence.

    Raises
    ------
    AssertionError
        As `check_neuron`.
    """
    models = []
    for neuron in (lambda: peer.neuron(lif), lambda: Unrolled(peer.recurrence(lif))):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            models.append(SpikeCountModel(spec, neuron))
    output, expected_output = (model(images) for model in models)
    _assert_same_spikes(peer, output, expected_output)
    for model, spikes in zip(models, (output, expected_output), strict=True):
        model.loss(spikes, labels).backward()
    expected = dict(models[1].named_parameters())
    for name, parameter in models[0].named_parameters():
        _assert_same_gradient(peer, name, parameter.grad, expected[name].grad)


def _spikes_and_gradient(neuron: nn.Module, current: Tensor, grad: Tensor) -> tuple[Tensor, Tensor | None]:
    leaf = current.detach().clone().requires_grad_()
    spikes: Tensor = neuron(leaf)
    spikes.backward(grad)
    return spikes.detach(), leaf.grad


def _assert_same_spikes(peer: Peer, spikes: Tensor, expected: Tensor) -> None:
    different = int((spikes != expected).sum())
    if different or not expected.any():
        raise AssertionError(
            f"{peer.title} and its recurrence differ in {different} of {expected.numel()} spikes, "
            f"{int(expected.sum())} of them 1; expected no difference, and some spikes to compare"
        )


def _assert_same_gradient(peer: Peer, name: str, gradient: Tensor | None, expected: Tensor | None) -> None:
    if gradient is None or expected is None or not expected.any():
        raise AssertionError(f"{peer.title}: no gradient of {name} to compare; expected one that is not 0")
    difference = float((gradient - expected).abs().max() / expected.abs().max())
    if not difference <= GRADIENT_TOLERANCE:
        raise AssertionError(
            f"{peer.title}: gradient of {name} differs from that of its recurrence by {difference:.1e} of the largest; "
            f"expected at most {GRADIENT_TOLERANCE:.0e}"
        )
