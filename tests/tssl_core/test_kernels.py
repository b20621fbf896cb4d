"""Every fused backend against the reference, forward and backward."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from tests.kernels import (
    COPIES,
    DEVICES,
    SHAPES,
    TOLERANCE,
    assert_threads_do_not_matter,
    normal,
    one_of,
    skip_without,
)
from tests.tssl_core.test_golden import OPERATIONS, assert_relative, lif_of, load
from tssl_core import LIFParams, TSSLParams, psc_filter, reference, spiking_psc
from tssl_core.kernels import SPIKING_PSC, cpu

# NumPy, on which Triton's interpreter runs, warns of infinities and NaN that are selected away or wanted.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"),
    pytest.mark.usefixtures("poisoned_memory"),
]

NO_MULTIPLICATION = 15.876223564147949
"""A divisor for which the two multiplications that replace a division are wrong for one number in eight million."""
NEURONS = {
    "default": LIFParams(),
    "no memory": LIFParams(tau_m=1, tau_s=1),
    "fast synapse": LIFParams(tau_s=2),
    "odd": LIFParams(tau_m=2.7, tau_s=4.3, threshold=0.3),
    "true division": LIFParams(tau_m=NO_MULTIPLICATION),
}
GRADIENTS = {
    "default": TSSLParams(),
    "quiet layer": TSSLParams(gate="layer", layer_rate=1.0),
    "busy layer": TSSLParams(gate="layer", layer_rate=0.01),
    "surrogate": TSSLParams(gate="always", surrogate_width=0.7),
    "timing": TSSLParams(gate="never"),
    "old clamp": TSSLParams(inverse_min=-10, inverse_max=10, gate="never"),
    "tight clamp": TSSLParams(inverse_min=0.9, inverse_max=1.6),
    "no clamp": TSSLParams(inverse_max=float("inf")),
    "no intra": TSSLParams(intra_neuron=False),
    "submitted": TSSLParams(gate="layer", inverse_min=-10, inverse_max=10, intra_neuron=False),
    "narrow": TSSLParams(surrogate_width=0.05),
}


@pytest.fixture(params=COPIES)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each backend, and the compiled one in the copy for each generation of processors."""
    with one_of(request.param, SPIKING_PSC, cpu.LIBRARY) as name:
        yield name


def run(current: Tensor, grad_psc: Tensor, lif: LIFParams, tssl: TSSLParams, backend: str) -> tuple[Tensor, Tensor]:
    """Return PSC and dL/dI, brought back to the CPU."""
    leaf = current.detach().to(DEVICES.get(backend, "cpu")).requires_grad_()
    psc = spiking_psc(leaf, lif, tssl, backend=backend)
    (grad_current,) = torch.autograd.grad(psc, leaf, grad_psc.to(leaf.device))
    return psc.detach().cpu(), grad_current.cpu()


def assert_like_reference(
    current: Tensor, backend: str, lif: LIFParams | None = None, tssl: TSSLParams | None = None
) -> tuple[Tensor, Tensor]:
    lif, tssl = lif or LIFParams(), tssl or TSSLParams()
    grad_psc = normal(*current.shape, seed=1, dtype=current.dtype)
    psc, grad_current = run(current, grad_psc, lif, tssl, backend)
    assert torch.equal(psc, reference.forward(current, lif))
    expected = reference.backward(grad_psc, current, lif, tssl)
    assert not expected.isnan().any()
    assert_relative(grad_current, expected, TOLERANCE[current.dtype])
    return psc, grad_current


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_number_of_neurons_and_steps_gives_the_reference(shape: tuple[int, int], backend: str) -> None:
    assert_like_reference(normal(*shape) + 0.2, backend)


@pytest.mark.parametrize("lif", NEURONS.values(), ids=NEURONS)
@pytest.mark.parametrize("tssl", GRADIENTS.values(), ids=GRADIENTS)
def test_every_variant_gives_the_reference(lif: LIFParams, tssl: TSSLParams, backend: str) -> None:
    assert_like_reference(normal(12, 3, 5, 7) * 0.8 + 0.2, backend, lif, tssl)


@pytest.mark.parametrize("name", OPERATIONS)
def test_golden_arrays_hold_on_every_backend(name: str, backend: str) -> None:
    golden = load(name)
    psc, grad_current = run(golden["current"], golden["grad_psc"], lif_of(golden), TSSLParams(), backend)
    assert (psc - golden["psc"]).abs().max() <= 1e-6
    assert_relative(grad_current, golden["grad_current"], 1e-5)


@pytest.mark.parametrize("tssl", GRADIENTS.values(), ids=GRADIENTS)
def test_float64_gives_the_reference(tssl: TSSLParams) -> None:
    skip_without(SPIKING_PSC, "cpu", torch.float64)
    assert_like_reference(normal(9, 131, dtype=torch.float64) + 0.2, "cpu", tssl=tssl)


@pytest.mark.parametrize("neurons", [450_000, 450_001])
def test_outputs_larger_than_the_caches_give_the_reference(neurons: int) -> None:
    skip_without(SPIKING_PSC, "cpu")
    assert_like_reference(normal(5, neurons) + 0.2, "cpu")


def test_silent_neurons_stay_silent_and_take_the_surrogate(backend: str) -> None:
    psc, grad_current = assert_like_reference(normal(10, 77).abs().neg(), backend)
    assert not psc.any()
    assert grad_current.abs().min() > 0


def test_saturated_neurons_spike_in_every_step(backend: str) -> None:
    psc, _ = assert_like_reference(normal(10, 77).abs() + 2, backend)
    assert torch.equal(psc, psc_filter(torch.ones(10, 77), LIFParams().tau_s))


def test_spikes_of_dyadic_currents_are_exact(backend: str) -> None:
    lif = LIFParams(tau_m=4, tau_s=2)
    current = torch.tensor([0.25, 0.5, 0.75, 1.0])[torch.arange(8 * 60).reshape(8, 60) % 7 % 4]
    # By hand for 0.75 in every step: u = 0.75, then 0.75 * 3/4 + 0.75 = 1.3125 > 1 and a reset, and so on.
    current[:, 0] = 0.75
    psc, _ = assert_like_reference(current, backend, lif)
    assert psc[:4, 0].tolist() == [0, 0.5, 0.25, 0.625]


def test_a_membrane_potential_at_the_threshold_is_no_spike(backend: str) -> None:
    current = torch.tensor([[1.0, 1.0 + 2**-23]])
    psc, _ = assert_like_reference(current, backend, LIFParams(tau_s=2))
    assert psc.tolist() == [[0, 0.5]]


def test_spikes_are_exact_within_a_rounding_of_the_threshold(backend: str) -> None:
    lif = LIFParams(tau_m=2.7)  # here a product with 1 / tau_m in place of the division moves one spike in seventy
    first = torch.rand(400, 1, generator=torch.Generator().manual_seed(0))
    second = (1 - first.double() * (1 - 1 / lif.tau_m)).float() + torch.arange(-2, 3) * 2**-24
    psc, _ = assert_like_reference(torch.stack([first.expand_as(second), second]), backend, lif)
    assert 0.2 < (psc[1] > 0).float().mean() < 0.8


def test_multiplications_replace_a_division_only_where_every_quotient_is_the_same() -> None:
    skip_without(SPIKING_PSC, "cpu")
    if not cpu.LIBRARY.divisor(5.0)[1]:
        pytest.skip("this processor has no instruction that multiplies and adds")
    assert cpu.LIBRARY.divisor(NO_MULTIPLICATION) == (NO_MULTIPLICATION, 0)
    # One step after a spike: the PSC is the quotient, for as many numerators as there are neurons.
    current = torch.rand(4, 300_000, generator=torch.Generator().manual_seed(0)) * 3
    for tau in (5.0, 3.0, 2.7, 7.3, NO_MULTIPLICATION):
        assert_like_reference(current, "cpu", LIFParams(tau_m=tau, tau_s=tau))


def test_the_surrogate_is_accurate_in_every_entry(backend: str) -> None:
    current = torch.linspace(-2, 4, 997)[None]
    _, grad_current = run(current, torch.ones(1, 997), LIFParams(), TSSLParams(gate="always"), backend)
    exact = reference.backward(torch.ones(1, 997).double(), current.double(), LIFParams(), TSSLParams(gate="always"))
    torch.testing.assert_close(grad_current.double(), exact, rtol=1e-5, atol=0)


def test_memory_layout_of_current_and_gradient_does_not_matter(backend: str) -> None:
    current, grad_psc = normal(6, 9, 11).transpose(0, 2), normal(6, 9, 11, seed=1).transpose(0, 2)
    strided = run(current, grad_psc, LIFParams(), TSSLParams(), backend)
    packed = run(current.contiguous(), grad_psc.contiguous(), LIFParams(), TSSLParams(), backend)
    assert all(map(torch.equal, strided, packed))
    expanded = run(current, torch.ones(1).expand(current.shape), LIFParams(), TSSLParams(), backend)
    filled = run(current, torch.ones(current.shape), LIFParams(), TSSLParams(), backend)
    assert all(map(torch.equal, expanded, filled))


def test_channels_last_stay_so_and_a_gradient_in_another_order_is_put_right(backend: str) -> None:
    current = normal(5 * 2, 3, 7, 9).contiguous(memory_format=torch.channels_last).unflatten(0, (5, 2))
    grad_psc = normal(*current.shape, seed=1)
    assert spiking_psc(current.to(DEVICES[backend]), backend=backend).stride() == current.stride()
    last = run(current, grad_psc, LIFParams(), TSSLParams(), backend)
    first = run(current.contiguous(), grad_psc, LIFParams(), TSSLParams(), backend)
    assert all(map(torch.equal, last, first))


def test_no_neurons_give_an_empty_result(backend: str) -> None:
    for tssl in (TSSLParams(), TSSLParams(gate="layer")):
        psc, grad_current = run(torch.zeros(3, 0), torch.zeros(3, 0), LIFParams(), tssl, backend)
        assert psc.shape == grad_current.shape == (3, 0)


def test_a_current_that_is_not_finite_shows_in_its_own_neuron_only(backend: str) -> None:
    current, grad_psc = normal(12, 40) + 0.2, normal(12, 40, seed=1)
    current[2, 3], current[2, 4], current[2, 5] = float("inf"), float("-inf"), float("nan")
    psc, grad_current = run(current, grad_psc, LIFParams(), TSSLParams(), backend)
    assert torch.equal(psc, reference.forward(current, LIFParams()))
    broken = grad_current.isnan().any(0)
    assert broken.nonzero().flatten().tolist() == [3, 4, 5]
    expected = reference.backward(grad_psc, current, LIFParams(), TSSLParams())
    assert_relative(grad_current[:, ~broken], expected[:, ~broken], 1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_rounded_only_on_the_way_in_and_out(dtype: torch.dtype) -> None:
    skip_without(SPIKING_PSC, "triton", dtype)
    current, grad_psc = normal(8, 90, dtype=dtype) + 0.2, normal(8, 90, seed=1, dtype=dtype)
    psc, grad_current = run(current, grad_psc, LIFParams(), TSSLParams(), "triton")
    exact_psc, exact_grad = run(current.float(), grad_psc.float(), LIFParams(), TSSLParams(), "triton")
    # A unit in the last place, because Triton's interpreter cuts bfloat16 off where a GPU rounds it.
    unit = torch.finfo(dtype).eps
    torch.testing.assert_close(psc.float(), exact_psc, rtol=unit, atol=0)
    torch.testing.assert_close(grad_current.float(), exact_grad, rtol=unit, atol=torch.finfo(dtype).tiny)


@pytest.mark.parametrize("tssl", GRADIENTS.values(), ids=GRADIENTS)
def test_number_of_threads_does_not_change_a_bit(tssl: TSSLParams) -> None:
    skip_without(SPIKING_PSC, "cpu")
    arrays = normal(6, 20_003), normal(6, 20_003, seed=1)
    assert_threads_do_not_matter(lambda: run(*arrays, LIFParams(), tssl, "cpu"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; PyTorch finds none here")
def test_auto_takes_triton_on_a_gpu_and_gives_the_reference_of_the_cpu() -> None:
    current, grad_psc = normal(20, 64, 33) + 0.2, normal(20, 64, 33, seed=1)
    leaf = current.cuda().requires_grad_()
    psc = spiking_psc(leaf)
    psc.backward(grad_psc.cuda())
    assert torch.equal(psc.cpu(), reference.forward(current, LIFParams()))
    assert leaf.grad is not None
    assert_relative(leaf.grad.cpu(), reference.backward(grad_psc, current, LIFParams(), TSSLParams()), 1e-5)
