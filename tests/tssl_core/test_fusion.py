"""What is fused with a layer's neurons against the same done step by step, on the CPU, for every neuron."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from baselines.neurons import fused
from baselines.neurons.integrate_and_fire import INTEGRATE_AND_FIRE, IFParams
from baselines.neurons.iterative_lif import ITERATIVE_LIF, IterativeLIFParams
from baselines.neurons.spike_response import SPIKE_RESPONSE, SRMParams
from tests.kernels import TOLERANCE, normal, one_of, skip_without
from tests.tssl_core.test_golden import assert_relative
from tssl_core import LIFParams, Network, TSSLParams, parse_architecture
from tssl_core.fusing import run_fused
from tssl_core.kernels import SPIKING_PSC, cpu
from tssl_core.kernels.fusion import Fusion, Pooling, composed, is_channels_last
from tssl_core.kernels.scan import Scan
from tssl_core.layers import SumPool, TimeConstantDropout, TSSLNeuron
from tssl_core.reset_matrix import RESET_MATRIX_PSC

pytestmark = pytest.mark.usefixtures("poisoned_memory")


class Neuron(NamedTuple):
    """A scan and its parameters."""

    scan: Scan
    parameters: tuple[Any, ...]


NEURONS = {
    "TSSL-BP": Neuron(SPIKING_PSC, (LIFParams(), TSSLParams())),
    "TSSL-BP, quiet layer": Neuron(SPIKING_PSC, (LIFParams(tau_m=2.7), TSSLParams(gate="layer", layer_rate=1.0))),
    "TSSL-BP, busy layer": Neuron(SPIKING_PSC, (LIFParams(), TSSLParams(gate="layer", layer_rate=0.001))),
    "TSSL-BP, reset matrix": Neuron(RESET_MATRIX_PSC, (LIFParams(), TSSLParams(intra_neuron=False))),
    "iterative LIF": Neuron(ITERATIVE_LIF, (IterativeLIFParams(surrogate="sigmoid"),)),
    "spike response": Neuron(SPIKE_RESPONSE, (SRMParams(),)),
    "integrate and fire": Neuron(INTEGRATE_AND_FIRE, (IFParams(),)),
}
COPIES = ("cpu", "cpu with AVX2", "cpu of any kind")


class Case(NamedTuple):
    """A shape ``[T, B, ...]`` of what is given and what is around the neurons."""

    shape: tuple[int, ...]
    steps: int = 0
    pool: Pooling | None = None
    dropout: bool = False
    pool_dropout: bool = False
    flat: bool = False

    def fusion(self, dtype: torch.dtype = torch.float32) -> Fusion:
        _, batch, *rest = self.shape
        own = (1, batch, *rest[:2], 1) if len(rest) == 3 else (1, batch, *rest)
        pooled = (*own[:3], rest[1] // self.pool.size, 1) if self.pool else own

        def factors(shape: tuple[int, ...], wanted: bool) -> Tensor | None:
            return torch.nn.functional.dropout(torch.ones(shape, dtype=dtype), 0.3) if wanted else None

        return Fusion(
            gain=normal(self.steps, seed=7, dtype=dtype).abs() + 0.5 if self.steps else None,
            dropout=factors(own, self.dropout),
            pool=self.pool,
            pool_dropout=factors(pooled, self.pool_dropout),
            flat=self.flat,
        )


CASES = {
    "gain of a dense layer": Case((1, 6, 37), steps=5),
    "gain of feature maps": Case((1, 3, 5, 6, 7), steps=4),
    "gain of a long window": Case((1, 3, 5, 6, 7), steps=8),
    "everything in a long window": Case(
        (1, 3, 19, 9, 7), steps=12, pool=Pooling(2, 1.1), dropout=True, pool_dropout=True
    ),
    "dropout of a dense layer": Case((5, 6, 37), dropout=True),
    "gain and dropout of a dense layer": Case((1, 6, 131), steps=3, dropout=True),
    "dropout of feature maps": Case((5, 2, 15, 4, 6), dropout=True),
    "gain and dropout of feature maps": Case((1, 2, 15, 4, 6), steps=5, dropout=True),
    "pooling": Case((5, 3, 15, 6, 8), pool=Pooling(2, 1.1)),
    "pooling with a border": Case((7, 2, 17, 7, 9), pool=Pooling(2, 1.1)),
    "pooling with a wide border": Case((3, 2, 4, 8, 11), pool=Pooling(3, 0.7)),
    "pooling of one channel": Case((5, 3, 1, 4, 4), pool=Pooling(2, 1.1)),
    "pooling of many channels": Case((5, 2, 300, 4, 6), pool=Pooling(2, 0.25)),
    "rows larger than a tile": Case((9, 1, 64, 3, 40), pool=Pooling(2, 1.1)),
    "rows larger than a tile, with a border": Case((9, 1, 64, 5, 41), pool=Pooling(2, 1.1), dropout=True),
    "everything": Case((1, 3, 19, 9, 7), steps=5, pool=Pooling(2, 1.1), dropout=True, pool_dropout=True),
    "everything before a dense layer": Case((1, 3, 19, 6, 7), 5, Pooling(2, 1.1), True, True, flat=True),
    "no pooling before a dense layer": Case((5, 3, 19, 5, 6), flat=True),
    "dropout before a dense layer": Case((5, 3, 19, 5, 6), dropout=True, flat=True),
    "a single step": Case((1, 2, 8, 4, 4), pool=Pooling(2, 1.1), dropout=True),
    "larger than the caches": Case((5, 8, 32, 42, 42), pool=Pooling(2, 1.1)),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
each_neuron = pytest.mark.parametrize("neuron", NEURONS.values(), ids=NEURONS)


@pytest.fixture(params=COPIES)
def copy(request: pytest.FixtureRequest) -> Iterator[str]:
    """The compiled backend in the copy for each generation of processors."""
    with one_of(request.param, SPIKING_PSC, cpu.LIBRARY) as name, one_of(request.param, ITERATIVE_LIF, fused.LIBRARY):
        yield name


def given(case: Case, dtype: torch.dtype = torch.float32) -> Tensor:
    """A current of the case, feature maps channels last."""
    current = normal(*case.shape, dtype=dtype) + 0.2
    return current.movedim(2, -1).contiguous().movedim(-1, 2) if current.dim() == 5 else current


def assert_fused_is_composed(neuron: Neuron, case: Case, dtype: torch.dtype = torch.float32) -> None:
    """Compare output bit for bit, and gradient to rounding, with those of plain PyTorch."""
    fusion, leaf = case.fusion(dtype), given(case, dtype).requires_grad_()
    got = neuron.scan(leaf, *neuron.parameters, backend="cpu", fusion=fusion)
    expected = composed(lambda x: neuron.scan(x, *neuron.parameters, backend="reference"), leaf, fusion)
    assert got.shape == expected.shape
    assert torch.equal(got, expected)
    assert got.any()
    if not expected.requires_grad:
        return
    grad = normal(*got.shape, seed=1, dtype=dtype)
    (found,), (wanted,) = (torch.autograd.grad(output, leaf, grad) for output in (got, expected))
    assert not found.isnan().any()
    assert_relative(found, wanted, TOLERANCE[dtype])


@each_case
@each_neuron
def test_what_is_fused_gives_what_is_done_step_by_step(neuron: Neuron, case: Case) -> None:
    skip_without(neuron.scan, "cpu")
    assert_fused_is_composed(neuron, case)


@each_case
def test_every_copy_of_the_kernels_gives_it(case: Case, copy: str) -> None:
    del copy
    assert_fused_is_composed(NEURONS["TSSL-BP"], case)


@each_case
def test_float64_gives_it(case: Case) -> None:
    skip_without(SPIKING_PSC, "cpu", torch.float64)
    assert_fused_is_composed(NEURONS["TSSL-BP"], case, torch.float64)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_do_not_matter(threads: int) -> None:
    skip_without(SPIKING_PSC, "cpu")
    case, before = CASES["larger than the caches"], torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert_fused_is_composed(NEURONS["TSSL-BP, busy layer"], case)
    finally:
        torch.set_num_threads(before)


def test_an_output_before_a_convolution_is_channels_last_and_before_a_dense_layer_in_plain_order() -> None:
    skip_without(SPIKING_PSC, "cpu")
    maps = CASES["pooling"], CASES["everything before a dense layer"]
    outputs = [SPIKING_PSC(given(case), LIFParams(), TSSLParams(), fusion=case.fusion()) for case in maps]
    assert is_channels_last(outputs[0])
    assert not outputs[0].is_contiguous()
    assert outputs[1].is_contiguous()


def test_feature_maps_in_another_order_are_done_step_by_step() -> None:
    case = CASES["everything"]
    current, fusion = given(case).contiguous(), case.fusion()
    expected = composed(lambda x: SPIKING_PSC(x, LIFParams(), TSSLParams()), current, fusion)
    assert torch.equal(SPIKING_PSC(current, LIFParams(), TSSLParams(), fusion=fusion), expected)


def test_dense_layers_in_another_memory_order_are_done_step_by_step() -> None:
    current, fusion = normal(5, 37, 6).transpose(1, 2), CASES["dropout of a dense layer"].fusion()
    expected = composed(lambda x: SPIKING_PSC(x, LIFParams(), TSSLParams()), current, fusion)
    assert torch.equal(SPIKING_PSC(current, LIFParams(), TSSLParams(), fusion=fusion), expected)


def test_factors_of_another_type_are_taken_for_what_they_are() -> None:
    skip_without(SPIKING_PSC, "cpu")
    case = CASES["everything"]
    torch.manual_seed(0)
    expected = SPIKING_PSC(given(case), LIFParams(), TSSLParams(), fusion=case.fusion())
    torch.manual_seed(0)
    double = case.fusion(torch.float64)
    assert double.gain is not None
    rounded = replace(double, gain=case.fusion().gain.double())  # type: ignore[union-attr]
    assert torch.equal(SPIKING_PSC(given(case), LIFParams(), TSSLParams(), fusion=rounded), expected)


def test_a_gain_that_is_learnt_gets_its_gradient() -> None:
    gain = torch.tensor([0.5, 1.0, 1.5], requires_grad=True)
    SPIKING_PSC(normal(1, 3, 8), LIFParams(), TSSLParams(), fusion=Fusion(gain=gain)).sum().backward()
    assert gain.grad is not None
    assert gain.grad.any()


@pytest.mark.parametrize("name", ["gain of a dense layer", "dropout of a dense layer", "everything"])
def test_no_samples_give_no_output(name: str) -> None:
    case = CASES[name]
    empty = case._replace(shape=(case.shape[0], 0, *case.shape[2:]))
    leaf = given(empty).requires_grad_()
    output = SPIKING_PSC(leaf, LIFParams(), TSSLParams(), fusion=empty.fusion())
    assert output.shape[1] == 0
    output.sum().backward()


def network(text: str, pool: type[nn.Module] | Any = SumPool) -> Network:
    torch.manual_seed(0)

    def neuron() -> TSSLNeuron:
        return TSSLNeuron(LIFParams(), TSSLParams())

    return Network(parse_architecture(text), (2, 12, 12), 4, neuron=neuron, output_neuron=neuron, pool=pool)


@pytest.mark.parametrize("text", ["6C3w5d0.2-P2d0.3-7C3p1w9d0.1-P2-9w9d0.2", "6C3w5-7C3w5d0.2-9w9", "20w9d0.3-20w9"])
@pytest.mark.parametrize("pool", [SumPool, nn.AvgPool2d])
def test_a_network_gives_the_same_whether_somebody_watches_its_modules_or_not(text: str, pool: type[nn.Module]) -> None:
    model, images = network(text, pool), 4 * normal(3, 2, 12, 12)
    seen: list[nn.Module] = []
    results = []
    for watched in (False, True):
        hooks = [
            module.register_forward_hook(lambda module, _inputs, _output: seen.append(module))
            for module in model.rest
            if watched
        ]
        torch.manual_seed(1)
        output = model(9 * images, torch.tensor([0.5, 0.75, 1.0]))
        gradients = torch.autograd.grad(output.square().sum(), list(model.parameters()))
        results.append((output, gradients))
        for hook in hooks:
            hook.remove()
    assert seen == list(model.rest)
    assert results[0][0].any()
    assert torch.equal(results[0][0], results[1][0])
    for one, other in zip(results[0][1], results[1][1], strict=True):
        assert_relative(one, other, 1e-5)


def test_a_hook_on_any_one_module_is_called() -> None:
    model = network("6C3w5d0.2-P2d0.3-7C3p1w9d0.1-P2-9w9d0.2")
    for watched in model.modules():
        if isinstance(watched, TSSLNeuron | TimeConstantDropout | SumPool):
            seen: list[nn.Module] = []
            hook = watched.register_forward_hook(lambda module, _inputs, _output, seen=seen: seen.append(module))
            model(normal(3, 2, 12, 12), torch.ones(3))
            hook.remove()
            assert seen == [watched]


def test_neurons_see_a_layer_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Fusion] = []
    forward = TSSLNeuron.forward

    def noting(self: TSSLNeuron, current: Tensor, fusion: Fusion) -> Tensor:
        seen.append(fusion)
        return forward(self, current, fusion)

    monkeypatch.setattr(TSSLNeuron, "forward", noting)
    network("6C3d0.2-P2d0.3-7C3p1-9")(normal(3, 2, 12, 12), torch.ones(3))
    first, second, third, output = seen
    assert first.gain is not None
    assert first.dropout is not None
    assert first.pool == Pooling(2, 1.1)
    assert first.pool_dropout is not None
    assert not first.flat
    assert second.flat
    assert third.empty
    assert output.empty


def test_a_neuron_that_cannot_fuse_is_given_what_it_takes() -> None:
    current = normal(1, 3, 8)
    pooled = run_fused([nn.ReLU(), TimeConstantDropout(0.0)], current, torch.tensor([1.0, 2.0]))
    assert torch.equal(pooled, torch.cat([current, 2 * current]).relu())
