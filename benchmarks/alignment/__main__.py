"""Measure it on networks of the study ``sequences_factors`` and write a CSV file; see docs/sequences.md."""

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from benchmarks.alignment.columns import ALIGNMENT_COLUMNS
from benchmarks.alignment.measure import alignment
from benchmarks.alignment.smoothed import PAIRS_AT_ONCE, Problem
from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig
from benchmarks.datasets.samples.sequences import SequenceSplit
from benchmarks.study.study import load_study
from benchmarks.sweep.site import load_data
from benchmarks.training.training import Training, prepare
from tssl_core import TSSLParams
from tssl_core.params import SurrogateGate

TAU_S = 3.0
"""Of the neurons, as in the authors' last version."""

AFTER: Mapping[SurrogateGate, Sequence[int]] = {"always": (0, 5, 50), "neuron": (50,)}
"""Weights that are looked at: epochs of training, by the gate that they were trained with."""

SIGMAS = (0.1, 0.2)
"""Noise on the current, in thresholds. The membrane potential of a silent neuron then varies by up to 5/3 of it: with
0.2 by 0.33, about as wide as the surrogate, a logistic density of deviation 0.36."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table, a row a network, noise, layer, place and setting."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.alignment", description=__doc__)
    parser.add_argument("output", type=Path, help="CSV file to write")
    parser.add_argument("--seeds", type=int, default=5, help="networks of each kind (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=4000, help="of draws, a multiple of 200 (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.pairs < 2 * PAIRS_AT_ONCE or options.pairs % (2 * PAIRS_AT_ONCE):
        parser.error(f"--pairs is {options.pairs}; expected a multiple of {2 * PAIRS_AT_ONCE}")
    lines: list[list[object]] = [[*ALIGNMENT_COLUMNS]]
    for seed in range(options.seeds):
        for gate, epochs, problem in networks(seed):
            for sigma in SIGMAS:
                rows = alignment(problem, sigma=sigma, pairs=options.pairs, seed=seed)
                lines += [[seed, gate, epochs, sigma, *row] for row in rows]
            print(f"seed {seed}, trained with the gate {gate} for {epochs} epochs", flush=True)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with options.output.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(lines)


def networks(seed: int) -> Iterator[tuple[str, int, Problem]]:
    """Train the networks of a seed; yield gate, epochs, and the network with its weights of then."""
    for gate, moments in AFTER.items():
        training = _training(config_of(gate, seed))
        if 0 in moments:
            yield gate, 0, problem_of(training)
        for record in training.epochs():
            if record.epoch in moments:
                yield gate, record.epoch, problem_of(training)


def config_of(gate: SurrogateGate, seed: int) -> RunConfig:
    """Find the run of the study with this gate and seed, the rest as in the authors' last version."""
    chosen = [f"grid.seed=[{seed}]", f'grid={{"parameters.lif.tau_s"=[{TAU_S}]}}']
    wanted = TSSLParams(gate=gate)
    cells = load_study("sequences_factors", profile="paper", overrides=chosen).cells
    return next(cell.config for cell in cells if cell.config.method_parameters().gradient == wanted)


def problem_of(training: Training) -> Problem:
    """Take the weights of a network in training, and all of its samples."""
    split = training.data.train
    assert isinstance(split, SequenceSplit)
    inputs, target = split.batch(torch.arange(len(split)))
    layers = [layer for layer in training.model.modules() if isinstance(layer, nn.Linear)]
    return Problem(
        weights=[layer.weight.detach().double() for layer in layers],
        inputs=inputs.flatten(2).double(),
        target=target.double(),
        lif=training.config.method_parameters().lif,
        tau=training.config.parameters_of_dataset().tau,
    )


def _training(config: RunConfig) -> Training:
    return prepare(config, Execution(device="cpu"), load_data(config, Path()))


if __name__ == "__main__":
    torch.set_num_threads(1)  # on which the last bits depend
    main()
