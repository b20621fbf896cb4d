"""The suite beside other libraries: a layer of neurons, and a whole training step of the paper's networks.

Every library that is installed (``pip install -e '.[peers]'``) is first compared with the recurrence that it claims to
compute; see `benchmarks.micro.peers` for what is equal and what is not. The suite's neuron does more than theirs, as it
also filters its spikes to the PSC. In a training step the suite takes its van Rossum loss and clamps its weights, the
others take cross entropy of spike counts; the optimiser and the clipping of the gradient are the same.
"""

from collections.abc import Callable, Mapping
from functools import partial

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from torch import Tensor

from baselines.method import Model, get_method
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.micro.checks import check_network, check_neuron
from benchmarks.micro.peers import PEERS, Peer, SpikeCountModel
from benchmarks.micro.timing import interleaved_medians, record
from benchmarks.training.optimisation import make_optimizer, train_step
from tssl_core import LIFParams, spiking_psc

SUITE = "suite"
LIF = LIFParams()
# With a batch of 50 in the second, what autograd keeps of the libraries' steps takes some 5 GB.
LAYERS = {"T5": (5, 50, 32, 28, 28), "T100": (100, 10, 12, 32, 32)}
NETWORKS = {
    "FashionMNIST": {"dataset": "fashion_mnist", "architecture": "400-400", "batch_size": 100},
    "MNIST": {"dataset": "mnist", "architecture": "15C5-P2-40C5-P2-300", "batch_size": 50},
}


@pytest.fixture
def peers() -> list[Peer]:
    """The libraries that are installed."""
    found = [peer for peer in PEERS if peer.missing() is None]
    if not found:
        pytest.skip("; ".join(reason for peer in PEERS if (reason := peer.missing()) is not None))
    return found


def forward_and_backward(neuron: Callable[[Tensor], Tensor], current: Tensor, grad: Tensor) -> Tensor:
    """Return dL/d(current); the graph and the gradient are made anew, as in training."""
    leaf = current.detach().requires_grad_()
    neuron(leaf).backward(grad)
    assert leaf.grad is not None
    return leaf.grad


def check_suite(current: Tensor, grad: Tensor) -> None:
    """Compare the suite's neuron with its reference."""
    backends = [partial(spiking_psc, lif=LIF, backend=backend) for backend in ("auto", "reference")]
    assert torch.equal(*(neuron(current) for neuron in backends))
    gradient, expected = (forward_and_backward(neuron, current, grad) for neuron in backends)
    assert (gradient - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("shape", LAYERS.values(), ids=LAYERS)
def test_layer(benchmark: BenchmarkFixture, peers: list[Peer], shape: tuple[int, ...]) -> None:
    """Time the forward and backward pass of a layer of neurons; a tenth of them spikes in a step."""
    generator = torch.Generator().manual_seed(0)
    current, grad = torch.randn(shape, generator=generator) * 0.8, torch.randn(shape, generator=generator)
    part = (current[:, :2].contiguous(), grad[:, :2].contiguous())
    check_suite(*part)
    for peer in peers:
        check_neuron(peer, *part, LIF)
    neurons: dict[str, Callable[[Tensor], Tensor]] = {SUITE: partial(spiking_psc, lif=LIF)}
    neurons |= {peer.name: peer.neuron(LIF) for peer in peers}
    functions = {name: partial(forward_and_backward, neuron, current, grad) for name, neuron in neurons.items()}
    compare(benchmark, peers, functions, work="LIF layer, forward and backward", label=str(list(shape)))


@pytest.mark.parametrize("network", NETWORKS)
def test_training_step(benchmark: BenchmarkFixture, peers: list[Peer], network: str) -> None:
    """Time forward, loss, backward, clipping and AdamW on one batch of noise."""
    config = validate_run({**NETWORKS[network], "method": "tssl_bp", "time_steps": 5, "epochs": 1})
    spec = config.network_spec()
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(config.batch_size, *spec.input_shape, generator=generator)
    labels = torch.randint(spec.classes, (config.batch_size,), generator=generator)
    for peer in peers:
        check_network(peer, spec, images[:4], labels[:4], LIF)
    method = get_method(config.method)
    suite = method.build(spec, config.method_parameters())
    models = {SUITE: suite, **{peer.name: SpikeCountModel(spec, partial(peer.neuron, LIF)) for peer in peers}}
    functions = {name: step_of(model, config, images, labels) for name, model in models.items()}
    label = f"{network} {config.architecture}, T = {config.time_steps}, batch {config.batch_size}"
    compare(benchmark, peers, functions, work="training step beside other libraries", label=label)


def step_of(model: Model, config: RunConfig, images: Tensor, labels: Tensor) -> Callable[[], object]:
    """Return one step of the suite's own training loop on fixed data."""
    optimizer = make_optimizer(model, config.optimizer)
    return partial(train_step, model, optimizer, images, labels, grad_clip=config.optimizer.grad_clip)


def compare(
    benchmark: BenchmarkFixture,
    peers: list[Peer],
    functions: Mapping[str, Callable[[], object]],
    *,
    work: str,
    label: str,
) -> None:
    """Time the functions in turn and keep their medians, with the versions of the libraries."""
    milliseconds = interleaved_medians(functions)
    record(
        benchmark,
        work=work,
        label=label,
        milliseconds=milliseconds,
        ratio={f"{peer.name} / suite": milliseconds[peer.name] / milliseconds[SUITE] for peer in peers},
        versions={peer.name: peer.version() for peer in peers},
        missing={peer.name: reason for peer in PEERS if (reason := peer.missing()) is not None},
    )
