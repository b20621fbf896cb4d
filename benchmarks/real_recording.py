"""What networks trained on simulated recordings say of a real one, and how its events differ from simulated ones.

``python -m benchmarks.real_recording sample.bin FOLDER``; see docs/nmnist_simulated.md. One recording tests no claim.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from baselines.method import Model
from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig
from benchmarks.datasets.dataset import data_root
from benchmarks.datasets.events.frame_cache import Recording, load_frames
from benchmarks.datasets.events.frames import SACCADES, saccades_of
from benchmarks.datasets.events.recording import Events, read_events
from benchmarks.datasets.nmnist_simulated import SimulatedNMNIST
from benchmarks.datasets.samples.split import Split
from benchmarks.study.study import load_study
from benchmarks.sweep.site import load_data
from benchmarks.training.training import prepare

DECISIONS_FILE, SACCADES_FILE = "real_recording.csv", "real_recording_saccades.csv"

AS_IN_REPORT = ("run.train_samples=5000", "run.test_samples=1000", "grid.time_steps=[30]", 'grid.method=["tssl_bp"]')
"""What the committed report of the study has of TSSL-BP at T = 30, in the quick profile."""

TWINS = 1000
"""Simulated recordings of the same digit that the events are set beside."""

AT_ONCE = 100


def main(arguments: Sequence[str] | None = None) -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.real_recording", description=__doc__)
    parser.add_argument("recording", type=Path, help="in N-MNIST's format")
    parser.add_argument("folder", type=Path, help="where the tables go")
    parser.add_argument("--digit", type=int, required=True, choices=range(10), help="that it shows")
    parser.add_argument("--seeds", type=int, default=3, help="networks to train (default: %(default)s)")
    parser.add_argument("--data-root", help="folder of the datasets")
    options = parser.parse_args(arguments)
    root = data_root(options.data_root)
    options.folder.mkdir(parents=True, exist_ok=True)
    saccades(options.recording, options.digit, root).to_csv(options.folder / SACCADES_FILE, index=False)
    seeds = [*range(options.seeds)]
    study = load_study("nmnist_simulated", profile="quick", overrides=[*AS_IN_REPORT, f"grid.seed={seeds}"])
    rows = [decision(cell.config, options.recording, options.digit, root) for cell in study.cells]
    pd.DataFrame(rows).to_csv(options.folder / DECISIONS_FILE, index=False)


def decision(config: RunConfig, path: Path, digit: int, root: Path) -> dict[str, float]:
    """Train a network on simulated recordings and show it a real one.

    Parameters
    ----------
    config : RunConfig
        Of the training.
    path, digit : Path, int
        The recording, and the digit that it shows.
    root : Path
        Of the data.

    Returns
    -------
    dict
        ``seed`` of the run; ``accuracy`` of the simulated test recordings; ``recognised`` of those of the digit;
        ``decided``, what the real one is taken for; its ``margin``, the score of the digit less the highest other one;
        and how many of the simulated test recordings of the digit have a smaller one, ``below``. Fractions, and sums of
        PSCs.
    """
    training = prepare(config, Execution(device="cpu"), load_data(config, root))
    for record in training.epochs():
        print(f"seed {config.seed}, epoch {record.epoch}: {record.test_accuracy:.3f}", flush=True)
    with TemporaryDirectory() as cache:
        parameters = config.parameters_of_dataset()
        real = load_frames(
            [Recording(path, digit)], Path(cache), name="real", time_steps=config.time_steps, parameters=parameters
        )
        scores = next(scores_of(training.model, real))[0]
    simulated, labels = (torch.cat(parts) for parts in zip(*scores_of(training.model, training.data.test), strict=True))
    twins = simulated[labels == digit]
    margin = margin_of(scores, digit)
    return {
        "seed": config.seed,
        "accuracy": float((simulated.argmax(1) == labels).double().mean()),
        "recognised": float((twins.argmax(1) == digit).double().mean()),
        "decided": int(scores.argmax()),
        "margin": float(margin),
        "below": float((margin_of(twins, digit) < margin).double().mean()),
    }


@torch.no_grad()
def scores_of(model: Model, split: Split) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the scores ``[B, classes]``, outputs summed over time, and labels of all samples."""
    model.eval()
    for indices in torch.arange(len(split)).split(AT_ONCE):
        inputs, labels = split.batch(indices)
        yield model(inputs).sum(0), labels


def margin_of(scores: Tensor, digit: int) -> Tensor:
    """Score of a digit less the highest of the others, ``[...]`` of ``[..., classes]``."""
    others = torch.arange(scores.shape[-1]) != digit
    return scores[..., digit] - scores[..., others].amax(-1)


def saccades(path: Path, digit: int, root: Path) -> pd.DataFrame:
    """Count the events of a recording and of simulated ones of the same digit, by saccade.

    Returns
    -------
    DataFrame
        A row a saccade, and one of all: ``saccade``, ``real``, ``mean``, ``std`` (n - 1) and ``n`` of the simulated
        ones, and the fraction of them with fewer events, ``below``.
    """
    dataset = SimulatedNMNIST()
    dataset.prepare(root)
    twins = [one.path for one in dataset.recordings(root, "train") if one.label == digit][:TWINS]
    simulated = np.array([counts_by_saccade(read_events(twin)) for twin in twins])
    real = counts_by_saccade(read_events(path))
    names = [*map(str, range(1, len(SACCADES) + 1)), "all"]
    return pd.DataFrame(
        {
            "saccade": names,
            "real": real,
            "mean": simulated.mean(0).round(1),
            "std": simulated.std(0, ddof=1).round(1),
            "n": len(twins),
            "below": (simulated < real).mean(0).round(3),
        }
    )


def counts_by_saccade(events: Events) -> list[int]:
    """Events in each saccade, and of all."""
    return [*np.bincount(saccades_of(events), minlength=len(SACCADES)).tolist(), len(events)]


if __name__ == "__main__":
    torch.set_num_threads(1)  # on which the last bits depend
    main()
