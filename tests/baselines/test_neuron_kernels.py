"""The fused backends of the baselines' neurons against their references, forward and backward."""

import itertools
import warnings
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from baselines.neurons import fused
from baselines.neurons.integrate_and_fire import INTEGRATE_AND_FIRE, IFParams
from baselines.neurons.iterative_lif import ITERATIVE_LIF, IterativeLIFParams
from baselines.neurons.spike_response import SPIKE_RESPONSE, SRMParams
from tests.kernels import COPIES, DEVICES, SHAPES, TOLERANCE, assert_threads_do_not_matter, normal, one_of, skip_without
from tests.tssl_core.test_golden import assert_relative
from tssl_core import BackendUnavailableError
from tssl_core.kernels.scan import Scan

# NumPy, on which Triton's interpreter runs, warns of infinities and NaN that are selected away or wanted.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"),
    pytest.mark.usefixtures("poisoned_memory"),
]


class Case(NamedTuple):
    """A neuron and its parameters."""

    scan: Scan
    params: Any

    @property
    def differentiable(self) -> bool:
        return all(backend.backward is not None for backend in self.scan.backends)


NEURONS = {
    "iterative LIF": Case(ITERATIVE_LIF, IterativeLIFParams()),
    "iterative LIF, smooth": Case(ITERATIVE_LIF, IterativeLIFParams(surrogate="sigmoid", reset="subtract")),
    "spike response": Case(SPIKE_RESPONSE, SRMParams()),
    "spike response, delayed": Case(SPIKE_RESPONSE, SRMParams(delay=True)),
    "integrate and fire": Case(INTEGRATE_AND_FIRE, IFParams()),
}
LIF_OPTIONS: dict[str, tuple[Any, ...]] = {
    "surrogate": ("rectangular", "sigmoid"),
    "normalised": (True, False),
    "reset": ("zero", "subtract"),
    "detach_reset": (True, False),
}
LIF_VALUES: tuple[dict[str, Any], ...] = (
    {"threshold": 0.3, "decay": 0.9, "surrogate_width": 1.3},
    {"threshold": 0.6, "decay": 0.25, "surrogate_width": 0.2},
    {"decay": 0.0},
    {"decay": 1.0},
)
SRM_VALUES: tuple[dict[str, Any], ...] = (
    {"tau_s": 10.0, "tau_ref": 3.0, "refractory_scale": 2.0, "threshold": 1.7},
    {"tau_s": 2.7, "refractory_scale": 0.0, "surrogate_width": 0.3},
    {"tau_s": 0.8, "tau_ref": 0.4, "threshold": 0.3, "surrogate_scale": 3.0},
)
OPTIONS: list[Case] = [
    *(
        Case(ITERATIVE_LIF, IterativeLIFParams(**dict(zip(LIF_OPTIONS, options, strict=True)), **values))
        for options in itertools.product(*LIF_OPTIONS.values())
        for values in LIF_VALUES
    ),
    *(Case(SPIKE_RESPONSE, SRMParams(delay=delay, **values)) for delay in (True, False) for values in SRM_VALUES),
    *(
        Case(INTEGRATE_AND_FIRE, IFParams(threshold=v, initial_potential=u))
        for v in (0.3, 1.7)
        for u in (0.0, 0.5, 0.9)
    ),
]
each_neuron = pytest.mark.parametrize("case", NEURONS.values(), ids=NEURONS)


@pytest.fixture(params=COPIES)
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each backend, and the compiled one in the copy for each generation of processors."""
    with one_of(request.param, ITERATIVE_LIF, fused.LIBRARY) as name:
        yield name


@pytest.fixture
def no_extension(fresh_caches: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the extension was not built."""
    monkeypatch.setattr(fused.LIBRARY, "package", "baselines")


def run(case: Case, current: Tensor, grad: Tensor, backend: str) -> tuple[Tensor, Tensor]:
    """Return spikes and dL/dI, 0 for a neuron without gradient, brought back to the CPU."""
    leaf = current.detach().to(DEVICES.get(backend, "cpu")).requires_grad_()
    spikes = case.scan(leaf, case.params, backend=backend)
    assert spikes.requires_grad == case.differentiable
    if not case.differentiable:
        return spikes.cpu(), torch.zeros_like(current)
    (grad_current,) = torch.autograd.grad(spikes, leaf, grad.to(leaf.device))
    return spikes.detach().cpu(), grad_current.cpu()


def assert_like_reference(case: Case, current: Tensor, backend: str) -> tuple[Tensor, Tensor]:
    grad = normal(*current.shape, seed=1, dtype=current.dtype)
    spikes, grad_current = run(case, current, grad, backend)
    expected_spikes, expected = run(case, current, grad, "reference")
    assert torch.equal(spikes, expected_spikes)
    assert not expected.isnan().any()
    assert_relative(grad_current, expected, TOLERANCE[current.dtype])
    return spikes, grad_current


@each_neuron
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_number_of_neurons_and_steps_gives_the_reference(shape: tuple[int, int], case: Case, backend: str) -> None:
    assert_like_reference(case, normal(*shape) * 0.8 + 0.2, backend)


@pytest.mark.parametrize("case", OPTIONS, ids=lambda case: str(case.params))
def test_every_option_gives_the_reference(case: Case, backend: str) -> None:
    spikes, _ = assert_like_reference(case, normal(12, 3, 5, 7) * case.params.threshold + 0.1, backend)
    assert 0.02 < spikes.mean() < 0.9


@pytest.mark.parametrize("case", OPTIONS, ids=lambda case: str(case.params))
def test_float64_gives_the_reference(case: Case) -> None:
    skip_without(case.scan, "cpu", torch.float64)
    assert_like_reference(case, normal(9, 131, dtype=torch.float64) * case.params.threshold + 0.1, "cpu")


@each_neuron
@pytest.mark.parametrize("neurons", [450_000, 450_001])
def test_outputs_larger_than_the_caches_give_the_reference(neurons: int, case: Case) -> None:
    skip_without(case.scan, "cpu")
    assert_like_reference(case, normal(5, neurons) + 0.2, "cpu")


@each_neuron
def test_silent_neurons_stay_silent(case: Case, backend: str) -> None:
    spikes, _ = assert_like_reference(case, normal(10, 77).abs().neg(), backend)
    assert not spikes.any()


@each_neuron
def test_saturated_neurons_spike_in_every_step(case: Case, backend: str) -> None:
    spikes, _ = assert_like_reference(case, normal(10, 77).abs() + 1.5, backend)
    assert spikes[1:].all()


@pytest.mark.parametrize("scan", [ITERATIVE_LIF, INTEGRATE_AND_FIRE], ids=lambda scan: scan.name)
def test_only_a_membrane_potential_above_the_threshold_or_at_it_is_a_spike(scan: Scan, backend: str) -> None:
    params = IterativeLIFParams(threshold=1.0) if scan is ITERATIVE_LIF else IFParams()
    current = torch.tensor([[1.0 - 2**-24, 1.0, 1.0 + 2**-23]])
    expected = [[0, 0, 1]] if scan is ITERATIVE_LIF else [[0, 1, 1]]
    assert scan(current.to(DEVICES[backend]), params, backend=backend).tolist() == expected


def test_spikes_are_exact_within_a_rounding_of_the_threshold(backend: str) -> None:
    params = IterativeLIFParams(threshold=1.0)  # a fused multiply-add would move some of these spikes
    first = torch.rand(400, 1, generator=torch.Generator().manual_seed(0))
    second = (1 - first.double() * params.decay).float() + torch.arange(-2, 3) * 2**-24
    spikes, _ = assert_like_reference(
        Case(ITERATIVE_LIF, params), torch.stack([first.expand_as(second), second]), backend
    )
    assert 0.2 < spikes[1].mean() < 0.8


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_surrogates_are_accurate_in_every_entry(dtype: torch.dtype, backend: str) -> None:
    skip_without(ITERATIVE_LIF, backend, dtype)
    # In a single step, with this time constant, the membrane potential is the current.
    exponential = Case(SPIKE_RESPONSE, SRMParams(tau_s=1.0, surrogate_width=0.2))
    logistic = Case(ITERATIVE_LIF, IterativeLIFParams(threshold=1.0, surrogate="sigmoid", surrogate_width=0.1))
    current = torch.linspace(-2, 4, 997, dtype=dtype)[None]
    distance = (current.double() - 1).abs()
    exact = {exponential: torch.exp(-distance / 0.2) / 0.2, logistic: 1 / torch.cosh(distance / 0.2) ** 2 / 0.4}
    for case, slope in exact.items():
        _, grad_current = run(case, current, torch.ones_like(current), backend)
        torch.testing.assert_close(grad_current.double(), slope, rtol=TOLERANCE[dtype], atol=0)
        near = distance < 0.15  # farther away, the rounding of a large argument is magnified
        torch.testing.assert_close(grad_current.double()[near], slope[near], rtol=8 * torch.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("distance", [80.0, 90.0, 1e6, 1e38, float("inf")])
def test_a_surrogate_too_small_for_its_type_is_nothing(distance: float, backend: str) -> None:
    current = torch.tensor([[distance, -distance]])
    for case in (Case(SPIKE_RESPONSE, SRMParams(tau_s=1.0)), NEURONS["iterative LIF, smooth"]):
        _, grad_current = run(case, current, torch.ones(1, 2), backend)
        assert grad_current.abs().max() <= 1e-34


@each_neuron
def test_memory_layout_of_current_and_gradient_does_not_matter(case: Case, backend: str) -> None:
    current, grad = normal(6, 9, 11).transpose(0, 2), normal(6, 9, 11, seed=1).transpose(0, 2)
    packed = run(case, current.contiguous(), grad.contiguous(), backend)
    assert all(map(torch.equal, run(case, current, grad, backend), packed))
    last = current.contiguous().transpose(1, 2).contiguous().transpose(1, 2)
    assert all(map(torch.equal, run(case, last, grad, backend), packed))
    expanded = run(case, current, torch.ones(1).expand(current.shape), backend)
    assert all(map(torch.equal, expanded, run(case, current, torch.ones(current.shape), backend)))


@each_neuron
def test_no_neurons_give_an_empty_result(case: Case, backend: str) -> None:
    spikes, grad_current = run(case, torch.zeros(3, 0), torch.zeros(3, 0), backend)
    assert spikes.shape == grad_current.shape == (3, 0)


@pytest.mark.parametrize("case", OPTIONS[:: len(LIF_VALUES)], ids=lambda case: str(case.params))
def test_a_current_that_is_not_finite_shows_where_the_reference_shows_it(case: Case, backend: str) -> None:
    current, grad = normal(12, 40) + 0.2, normal(12, 40, seed=1)
    current[2, 3], current[2, 4], current[2, 5] = float("inf"), float("-inf"), float("nan")
    spikes, grad_current = run(case, current, grad, backend)
    expected_spikes, expected = run(case, current, grad, "reference")
    assert torch.equal(spikes, expected_spikes)
    assert torch.equal(grad_current.isnan(), expected.isnan())
    assert_relative(grad_current.nan_to_num(), expected.nan_to_num(), 1e-5)


@each_neuron
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_rounded_only_on_the_way_in_and_out(dtype: torch.dtype, case: Case) -> None:
    skip_without(case.scan, "triton", dtype)
    current, grad = normal(8, 90, dtype=dtype) + 0.2, normal(8, 90, seed=1, dtype=dtype)
    spikes, grad_current = run(case, current, grad, "triton")
    exact_spikes, exact_grad = run(case, current.float(), grad.float(), "triton")
    assert torch.equal(spikes.float(), exact_spikes)
    # A unit in the last place, because Triton's interpreter cuts bfloat16 off where a GPU rounds it.
    unit = torch.finfo(dtype)
    torch.testing.assert_close(grad_current.float(), exact_grad, rtol=unit.eps, atol=unit.smallest_normal * unit.eps)


@each_neuron
def test_number_of_threads_does_not_change_a_bit(case: Case) -> None:
    skip_without(case.scan, "cpu")
    arrays = normal(6, 20_003), normal(6, 20_003, seed=1)
    assert_threads_do_not_matter(lambda: run(case, *arrays, "cpu"))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@each_neuron
def test_pytorch_accepts_the_operator(case: Case, backend: str) -> None:
    device = DEVICES.get(backend, "cpu")
    current = torch.rand(4, 2, 9, device=device).transpose(1, 2) * 2
    arguments = (*astuple(case.params), backend)
    leaf = current.detach().requires_grad_(case.differentiable)
    torch.library.opcheck(getattr(torch.ops.tssl, case.scan.name).default, (leaf, *arguments))
    if case.differentiable:
        backward = getattr(torch.ops.tssl, f"{case.scan.name}_backward").default
        torch.library.opcheck(backward, (torch.rand(4, 9, 2, device=device), current, *arguments))


@each_neuron
def test_compiled_code_is_one_graph_and_gives_the_same(case: Case) -> None:
    def loss(current: Tensor) -> Tensor:
        return (case.scan(current * 2, case.params) * current).sum()

    current = torch.rand(5, 30).requires_grad_()
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    got, expected = (torch.autograd.grad(function(current), current)[0] for function in (compiled, loss))
    assert torch.equal(got, expected)


def test_auto_takes_the_compiled_kernel_on_a_cpu() -> None:
    for case in NEURONS.values():
        skip_without(case.scan, "cpu")
        assert case.scan.resolve("auto").name == "cpu"


def test_auto_warns_once_and_gives_the_reference_if_the_extension_is_missing(no_extension: None) -> None:
    current = torch.rand(5, 30) * 2
    with pytest.warns(UserWarning, match=r"slower.*baselines\._cpu is not there; install a C compiler"):
        spikes = ITERATIVE_LIF(current, IterativeLIFParams())
    assert torch.equal(spikes, ITERATIVE_LIF(current, IterativeLIFParams(), backend="reference"))
    with warnings.catch_warnings(record=True) as caught:
        for case in NEURONS.values():
            case.scan(current, case.params)
    assert not caught
    with pytest.raises(BackendUnavailableError, match=r"'cpu' cannot run spike_response: .*baselines\._cpu is not"):
        SPIKE_RESPONSE(current, SRMParams(), backend="cpu")
