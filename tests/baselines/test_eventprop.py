"""EventProp as a method: its readouts, its output for spike trains, and what it does about silent neurons."""

import pytest
import torch
from torch.nn import functional as F

from baselines.eventprop import EventPropParameters
from baselines.method import Model, NetworkSpec, get_method
from baselines.neurons.event_lif import EVENT_LIF, EventLIF, EventLIFParams, LeakyIntegrator
from tssl_core import ParameterError, parse_architecture

EVENTPROP = get_method("eventprop")
TRACE = torch.tensor([[[1.0, 0.0]], [[3.0, 2.0]], [[-1.0, 2.0]]])
"""Potentials of two output neurons over three steps."""


def build(
    architecture: str = "6C3-P2-20",
    parameters: EventPropParameters | None = None,
    *,
    sequences: bool = False,
    time_steps: int = 5,
) -> Model:
    torch.manual_seed(3)
    spec = NetworkSpec(
        architecture=parse_architecture(architecture),
        input_shape=(2, 8, 8),
        classes=10,
        time_steps=time_steps,
        events=sequences,
        sequences=sequences,
    )
    return EVENTPROP.build(spec, parameters or EventPropParameters())


def test_the_network_is_the_one_that_its_definition_gives() -> None:
    model = build()
    conv, hidden, output = model.parameters()
    params = EventLIFParams()
    images = 2 * torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    spikes = EVENT_LIF(F.conv2d(images, conv).expand(5, 4, 6, 6, 6), params)
    pooled = 1.1 * 4 * F.avg_pool2d(spikes.flatten(0, 1), 2).flatten(1) @ hidden.T
    between = EVENT_LIF(pooled.view(5, 4, 20), params)
    assert 0.1 < between.mean() < 0.9
    torch.testing.assert_close(model(images), LeakyIntegrator(params)(between @ output.T))
    torch.testing.assert_close(model(images), model(images.expand(5, *images.shape)))


@pytest.mark.parametrize(
    ("readout", "logits", "running"),
    [
        ("max", [3.0, 2.0], [[1.0, 0.0], [3.0, 2.0], [3.0, 2.0]]),
        ("mean", [1.0, 4 / 3], [[1.0, 0.0], [4.0, 2.0], [3.0, 4.0]]),
    ],
)
def test_the_loss_is_the_cross_entropy_of_the_readout(
    readout: str, logits: list[float], running: list[list[float]]
) -> None:
    model = build(parameters=EventPropParameters(readout=readout))  # type: ignore[arg-type]
    expected = F.cross_entropy(torch.tensor([logits]), torch.tensor([1]))
    torch.testing.assert_close(model.loss(TRACE, torch.tensor([1])), expected)
    assert model.running_scores(TRACE)[:, 0].tolist() == running


def test_the_output_spikes_for_target_spike_trains_and_there_alone() -> None:
    spikes = (torch.rand(20, 3, 2, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    model = build("20", sequences=True, time_steps=20)
    output = model(spikes)
    assert model.spiking_output
    assert output.unique().tolist() == [0, 1]
    assert torch.equal(model.output_spikes(output), output.bool())
    loss = model.sequence_loss(output, torch.roll(output.detach(), 1, 0), tau=3.0)
    loss.backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())
    images = build("20")
    assert not images.spiking_output
    assert [type(module) for module in images.modules()].count(EventLIF) == 1


def test_an_output_neuron_learns_when_to_spike() -> None:
    weights = torch.full((1, 40), 0.02, requires_grad=True)
    optimizer = torch.optim.SGD([weights], lr=2e-4)
    params = EventLIFParams(tau_m=20.0, tau_s=5.0, threshold=0.07)
    model = build("20", sequences=True)
    target = torch.zeros(40, 1, 1)
    target[25] = 1
    found = []
    for _ in range(200):
        spikes = EVENT_LIF(torch.eye(40)[:, None] @ weights.T, params)
        found.append(spikes.nonzero()[:, 0].tolist())
        optimizer.zero_grad()
        model.sequence_loss(spikes, target, tau=6.0).backward()
        optimizer.step()
    assert found[0] == [29]
    assert found[-1] == [25]


def test_weights_of_neurons_that_spiked_for_no_sample_rise_after_a_step() -> None:
    model = build(parameters=EventPropParameters(silent_increase=0.125))
    conv, hidden, output = model.parameters()
    with torch.no_grad():
        conv[2] = 0
        hidden[5] = -1
    before = [weight.detach().clone() for weight in (conv, hidden, output)]
    model(torch.rand(4, 2, 8, 8) + 1)
    model.after_step()
    risen = [weight.detach() - old for weight, old in zip((conv, hidden, output), before, strict=True)]
    assert (risen[0][2] == 0.125).all()
    torch.testing.assert_close(risen[1][5], torch.full_like(risen[1][5], 0.125))
    assert not risen[2].any()
    layers = [module for module in model.modules() if isinstance(module, EventLIF)]
    for rise, layer in zip(risen, layers, strict=False):
        assert layer.fired is not None
        assert torch.equal(rise.flatten(1).any(1), ~layer.fired)
        assert layer.fired.any()


def test_nothing_rises_by_default() -> None:
    model = build()
    before = [weight.detach().clone() for weight in model.parameters()]
    model(torch.zeros(4, 2, 8, 8))
    model.after_step()
    assert all(map(torch.equal, before, model.parameters()))


def test_first_weights_are_scaled() -> None:
    plain, scaled = build(), build(parameters=EventPropParameters(initial_weight_scale=3.0))
    for weight, larger in zip(plain.parameters(), scaled.parameters(), strict=True):
        assert torch.equal(3 * weight, larger)


def test_parameters_without_meaning_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"initial_weight_scale is 0\.0; expected a positive number"):
        EventPropParameters(initial_weight_scale=0.0)
    with pytest.raises(ParameterError, match=r"silent_increase is -1\.0; expected 0 or a positive number"):
        EventPropParameters(silent_increase=-1.0)
    with pytest.raises(ParameterError, match="readout is 'sum'; expected one of max, mean"):
        EventPropParameters(readout="sum")  # type: ignore[arg-type]
