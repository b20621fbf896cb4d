"""The gradient of the smoothed loss is that of the exact expectation, and the settings beside it those of training."""

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from benchmarks.alignment import smoothed
from benchmarks.alignment.__main__ import config_of, main, problem_of
from benchmarks.alignment.measure import SETTINGS, alignment, gradient_of
from benchmarks.alignment.smoothed import Problem, smoothed_gradient
from benchmarks.config.execution import Execution
from benchmarks.sweep.site import load_data
from benchmarks.training.training import prepare
from tssl_core import LIFParams, TSSLParams, psc_filter
from tssl_core.layers import TSSLNeuron
from tssl_core.params import SurrogateGate

SIGMA = 0.5
TAU = 3.0


def problem(weights: list[list[list[float]]], inputs: list[list[float]], target: list[list[float]]) -> Problem:
    """A network for one sample; `inputs` and `target` are ``[T, neurons]``."""
    as_weights = [torch.tensor(weight, dtype=torch.float64) for weight in weights]
    trains = (torch.tensor(train, dtype=torch.float64).unsqueeze(1) for train in (inputs, target))
    first, second = trains
    return Problem(weights=as_weights, inputs=first, target=second, lif=LIFParams(), tau=TAU)


def slopes(loss: Callable[[list[float]], float], currents: list[float]) -> list[float]:
    """Central differences of a smooth function."""
    step = 1e-4
    moved = [[value + step * (place == at) for place, value in enumerate(currents)] for at in range(len(currents))]
    back = [[value - step * (place == at) for place, value in enumerate(currents)] for at in range(len(currents))]
    return [(loss(up) - loss(down)) / (2 * step) for up, down in zip(moved, back, strict=True)]


@pytest.fixture
def many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small networks take longer to call than to run."""
    monkeypatch.setattr(smoothed, "PAIRS_AT_ONCE", 20_000)


@pytest.mark.usefixtures("many_at_once")
def test_hidden_neurons_have_the_gradient_of_the_loss_summed_over_all_their_spikes() -> None:
    case = problem([[[2.4], [3.6]], [[3.0, -1.5], [-1.2, 4.0]]], [[1.0]], [[1.0, 0.0]])
    (hidden, _), _ = case.currents_and_traces([0.0, 0.0])

    def expected_loss(currents: list[float]) -> float:
        chances = [float(norm.sf(1, loc=current, scale=SIGMA)) for current in currents]
        total = 0.0
        for spikes in product((0, 1), repeat=2):
            chance = float(torch.tensor([p if s else 1 - p for p, s in zip(chances, spikes, strict=True)]).prod())
            outputs = case.weights[1] @ torch.tensor(spikes, dtype=torch.float64) / case.lif.tau_s
            fires = [float(norm.sf(1, loc=output, scale=SIGMA)) for output in outputs.tolist()]
            total += chance * ((1 - fires[0]) + fires[1]) / (2 * TAU**2)
        return total

    found = smoothed_gradient(case, sigma=SIGMA, pairs=100_000, seed=0)[0].flatten()
    expected = slopes(expected_loss, hidden.flatten().tolist())
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0.05, atol=2e-4)


@pytest.mark.usefixtures("many_at_once")
def test_the_current_of_a_step_has_the_gradient_of_this_and_later_spikes_through_leak_and_reset() -> None:
    case = problem([[[2.1]]], [[1.0], [1.0]], [[0.0], [1.0]])
    ((current, _),) = case.currents_and_traces([0.0])
    leak = 1 - 1 / case.lif.tau_m

    def expected_loss(currents: list[float]) -> float:
        def given(potential: float) -> float:
            first = potential > 1
            carried = 0.0 if first else leak * potential
            fires = norm.sf(1, loc=carried + currents[1], scale=SIGMA)
            psc = float(first) / TAU
            later = [(psc * (1 - 1 / TAU) + (spike - 1) / TAU) ** 2 / 2 for spike in (0, 1)]
            return float(psc**2 / 2 + (1 - fires) * later[0] + fires * later[1])

        density = norm(currents[0], SIGMA).pdf
        parts = [(currents[0] - 8 * SIGMA, 1.0), (1.0, currents[0] + 8 * SIGMA)]
        return float(sum(quad(lambda u: density(u) * given(u), low, high, epsabs=1e-12)[0] for low, high in parts))

    found = smoothed_gradient(case, sigma=SIGMA, pairs=100_000, seed=0)[0].flatten()
    expected = slopes(expected_loss, current.flatten().tolist())
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=0.05, atol=2e-4)


def test_pairs_that_cannot_be_drawn_are_refused() -> None:
    case = problem([[[1.0]]], [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="pairs is 150; expected a multiple of 100"):
        smoothed_gradient(case, sigma=SIGMA, pairs=150, seed=0)


@pytest.mark.parametrize("gate", ["always", "neuron"])
def test_settings_have_the_gradient_that_training_takes(gate: SurrogateGate) -> None:
    config = config_of(gate, seed=0).model_copy(update={"epochs": 3})
    training = prepare(config, Execution(device="cpu", backend="reference"), load_data(config, Path()))
    list(training.epochs())
    case = problem_of(training)
    inputs, target = training.data.train.batch(torch.arange(4))
    model = training.model.double()
    tssl = TSSLParams(gate=gate)
    for module in model.modules():
        if isinstance(module, TSSLNeuron):
            module.tssl = tssl
    model.zero_grad()
    model.sequence_loss(model(inputs.double()), target.double(), tau=case.tau).backward()
    hidden = [trace.psc.squeeze(1) for _, trace in case.currents_and_traces([0.0, 0.0, 0.0])[:-1]]
    before = [psc_filter(case.inputs, case.lif.tau_s), *hidden]
    for gradient, psc, weight in zip(gradient_of(case, tssl), before, model.parameters(), strict=True):
        own = torch.einsum("tbn,tbm->nm", gradient, psc)
        grad = weight.grad
        assert isinstance(grad, Tensor)
        assert grad.any()
        torch.testing.assert_close(own, grad)


def test_with_the_surrogate_everywhere_clamp_and_intra_neuron_term_change_nothing() -> None:
    case = problem([[[4.0], [5.0]], [[3.0, 2.0]]], [[1.0], [1.0], [0.0], [1.0]], [[0.0], [1.0], [0.0], [0.0]])
    first, *others = (
        gradient_of(case, TSSLParams(gate="always", inverse_max=inverse_max, intra_neuron=intra_neuron))
        for inverse_max, intra_neuron in product((8.0, 1.25), (True, False))
    )
    assert all(layer.any() for layer in first)
    assert all(torch.equal(ours, theirs) for other in others for ours, theirs in zip(first, other, strict=True))


def test_a_row_stands_for_each_layer_place_and_setting_and_an_output_neuron_is_pointed_downhill() -> None:
    case = problem([[[4.0], [5.0]], [[3.0, 2.0]]], [[1.0], [1.0], [0.0], [1.0]], [[0.0], [1.0], [0.0], [0.0]])
    rows = list(alignment(case, sigma=0.3, pairs=4000, seed=1))
    assert len(rows) == 2 * 4 * len(SETTINGS)
    (surrogate,) = (row for row in rows if row[:3] == ("output", "all", "always"))
    assert float(str(surrogate[6])) > 0.5
    assert float(str(surrogate[8])) > 0.9


def test_the_command_writes_the_same_table_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.alignment.__main__.AFTER", {"always": (0,)})
    monkeypatch.setattr("benchmarks.alignment.__main__.SIGMAS", (0.2,))
    tables = []
    for name in ("first.csv", "second.csv"):
        main([str(tmp_path / name), "--seeds", "1", "--pairs", "200"])
        tables.append((tmp_path / name).read_text(encoding="utf-8").splitlines())
    assert tables[0] == tables[1]
    assert tables[0][0].startswith("seed,trained_with,epochs,sigma,layer,place,gate,")
    assert len(tables[0]) == 1 + 3 * 4 * len(SETTINGS)
