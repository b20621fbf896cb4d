"""The Triton backend with what it fuses around the neurons, against one operation after the other on the reference."""

import pytest
import torch
from torch import Tensor

from baselines.neurons.iterative_lif import ITERATIVE_LIF, IterativeLIFParams
from baselines.neurons.spike_response import SPIKE_RESPONSE, SRMParams
from tests.fusions import DENSE, MAPS, current_for, dense_fusions, map_fusions, moved, run_fused
from tests.kernels import DEVICES, normal, skip_without
from tests.tssl_core.test_golden import assert_relative
from tests.tssl_core.test_kernels import NO_MULTIPLICATION
from tssl_core import LIFParams, TSSLParams, reference
from tssl_core.kernels import SPIKING_PSC, gpu, gpu_launch, scan
from tssl_core.kernels.fusion import NOTHING, Fusion
from tssl_core.kernels.scan import Scan
from tssl_core.reset_matrix import reset_error

# NumPy, on which Triton's interpreter runs, warns of infinities and NaN that are selected away or wanted.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"),
    pytest.mark.usefixtures("poisoned_memory"),
]

DEVICE = DEVICES["triton"]
EVERYTHING = ("pool 2, gain, dropout, flat", "pool 3, dropout", "no pooling, dropout")
GATES = {
    "always": TSSLParams(gate="always"),
    "never": TSSLParams(gate="never"),
    "busy layer": TSSLParams(gate="layer", layer_rate=0.01),
    "quiet layer": TSSLParams(gate="layer", layer_rate=0.9),
    "no intra": TSSLParams(intra_neuron=False),
}


@pytest.fixture(autouse=True)
def triton() -> None:
    """Skip where Triton cannot run."""
    skip_without(SPIKING_PSC, "triton")


def assert_like_composed(
    current: Tensor,
    fusion: Fusion,
    parameters: tuple[object, ...] = (LIFParams(), TSSLParams()),
    neuron: Scan = SPIKING_PSC,
) -> None:
    assert scan.can_fuse(current, fusion)
    output, grad_current = run_fused(neuron, current, fusion, parameters, "triton", DEVICE)
    expected_output, expected = run_fused(neuron, current, fusion, parameters, "reference", "cpu")
    assert expected_output.any()
    assert torch.equal(output, expected_output)
    assert_relative(grad_current, expected, 1e-5)


@pytest.mark.parametrize("name", map_fusions(5))
def test_feature_maps_come_out_bit_for_bit_as_one_after_the_other(name: str) -> None:
    fusion = map_fusions(5)[name]
    assert_like_composed(current_for(fusion, 5, MAPS), fusion)


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize("steps", [1, 16, 17, 40])
def test_any_number_of_time_steps_can_be_fused(steps: int, name: str) -> None:
    maps = (1, 3, 5, 4)
    fusion = map_fusions(steps, maps)[name]
    assert_like_composed(current_for(fusion, steps, maps), fusion)


@pytest.mark.parametrize("name", dense_fusions(1))
@pytest.mark.parametrize("steps", [1, 5, 40])
def test_dense_layers_come_out_bit_for_bit_as_one_after_the_other(steps: int, name: str) -> None:
    fusion = dense_fusions(steps)[name]
    assert_like_composed(current_for(fusion, steps, DENSE), fusion)


@pytest.mark.parametrize("gate", GATES)
def test_every_gate_can_be_fused(gate: str) -> None:
    fusion = map_fusions(5)[EVERYTHING[0]]
    assert_like_composed(current_for(fusion, 5, MAPS), fusion, (LIFParams(tau_s=2), GATES[gate]))


def test_channels_that_fill_vectors_can_be_fused() -> None:
    maps = (1, 16, 4, 5)
    fusions = map_fusions(2, maps)
    for name in EVERYTHING:
        assert_like_composed(current_for(fusions[name], 2, maps), fusions[name])


def test_maps_smaller_than_a_window_leave_nothing_and_get_no_gradient() -> None:
    fusion = map_fusions(3, (2, 3, 2, 2))["pool 3"]
    current = current_for(fusion, 3, (2, 3, 2, 2))
    output, grad_current = run_fused(SPIKING_PSC, current, fusion, (LIFParams(), TSSLParams()), "triton", DEVICE)
    assert output.shape == (3, 2, 3, 0, 0)
    assert not grad_current.any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", EVERYTHING)
def test_half_precision_is_rounded_only_on_the_way_in_and_out(name: str, dtype: torch.dtype) -> None:
    fusion = moved(map_fusions(5)[name], dtype)
    current = current_for(fusion, 5, MAPS).to(dtype)
    parameters = (LIFParams(), TSSLParams())
    output, grad_current = run_fused(SPIKING_PSC, current, fusion, parameters, "triton", DEVICE)
    exact = run_fused(SPIKING_PSC, current.float(), moved(fusion, torch.float32), parameters, "triton", DEVICE)
    assert output.dtype == grad_current.dtype == dtype
    unit = torch.finfo(dtype)
    torch.testing.assert_close(output.float(), exact[0], rtol=unit.eps, atol=0)
    # The two errors are drawn alike and rounded apart.
    assert_relative(grad_current.float(), exact[1], 4 * unit.eps)


@pytest.mark.parametrize("name", ["pool 2", *EVERYTHING])
def test_spikes_are_counted_in_the_forward_pass_incomplete_windows_too(name: str) -> None:
    lif, tssl = LIFParams(), TSSLParams(gate="layer", layer_rate=0.9)
    fusion = moved(map_fusions(5)[name], DEVICE)
    current = current_for(fusion, 5, MAPS).to(DEVICE)
    output, kept = gpu.forward(current, lif, tssl, fusion)
    whole = current if fusion.gain is None else fusion.gain.view(-1, 1, 1, 1, 1) * current
    assert kept is not None
    assert kept.tolist() == [int(reference.simulate(whole.cpu(), lif).spike.sum())]
    grad = torch.empty_like(output).copy_(normal(*output.shape, seed=1))
    gradients = [gpu.backward(grad, current, count, lif, tssl, fusion) for count in (kept, None)]
    assert torch.equal(*gradients)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.3, 1.0])
def test_the_limit_of_the_layer_gate_is_the_last_number_of_spikes_at_its_rate(rate: float) -> None:
    spikes = torch.zeros(1, 30)
    for count in range(31):
        spikes[0, :count] = 1
        assert (count <= gpu.most_spikes(30, rate)) == bool(spikes.double().mean() <= rate)


@pytest.mark.parametrize("steps", [1, 5, 20])
@pytest.mark.parametrize("gate", ["neuron", "always"])
def test_the_reset_matrix_is_a_kernel_of_its_own(gate: str, steps: int) -> None:
    lif, tssl = LIFParams(tau_s=2), TSSLParams(gate=gate, intra_neuron=False)  # type: ignore[arg-type]
    current, grad_psc = normal(steps, 60) + 0.4, normal(steps, 60, seed=1)
    added = reset_error(grad_psc, current, lif)
    assert added.any() == (steps > 1)
    expected = reference.backward(grad_psc + added, current, lif, tssl)
    arguments = (grad_psc.to(DEVICE), current.to(DEVICE), None, lif, tssl, NOTHING)
    assert_relative(gpu.backward(*arguments, reset_matrix=True).cpu(), expected, 1e-5)


@pytest.mark.parametrize("neuron", ["iterative LIF", "spike response"])
def test_other_neurons_can_be_fused(neuron: str) -> None:
    case, parameters = {
        "iterative LIF": (ITERATIVE_LIF, (IterativeLIFParams(),)),
        "spike response": (SPIKE_RESPONSE, (SRMParams(),)),
    }[neuron]
    maps = (1, 5, 5, 4)
    for name, steps in zip(EVERYTHING[::2], (5, 17), strict=True):
        fusion = map_fusions(steps, maps)[name]
        assert_like_composed(current_for(fusion, steps, maps), fusion, parameters, case)


def test_multiplications_are_tried_on_the_device_and_replace_only_exact_divisions() -> None:
    device = torch.device(DEVICE)
    assert gpu_launch.divisor(4.0, device) == ((4.0, 0.25, 0.0), True)
    # The interpreter rounds the product inside of a fused multiply-add.
    assert gpu_launch.divisor(5.0, device)[1] == (DEVICE == "cuda")
    assert not gpu_launch.divisor(NO_MULTIPLICATION, device)[1]
