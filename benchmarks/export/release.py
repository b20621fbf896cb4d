"""Make a pretrained network of a run: ``python -m benchmarks.export.release runs/STUDY/KEY NAME``, for maintainers.

The run has to have kept its model, see docs/mlflow.md. Its weights go, rounded to 16 bits, into
``tssl_core/weights/NAME.pt``; what is printed is its entry in ``networks.toml`` there. Both are committed.
"""

import argparse
import hashlib
import io
import json
from pathlib import Path

import torch

import tssl_core.pretrained
from benchmarks.datasets.dataset import data_root, get_dataset
from benchmarks.datasets.samples.split import ImageSplit, Split
from benchmarks.errors import ExportError
from benchmarks.tracking import Record
from benchmarks.tracking.models import load_model
from benchmarks.tracking.runs import RECORD_FILE
from tssl_core import SpikingNetwork
from tssl_core.errors import TSSLError

KEPT_TYPE = torch.float16
"""Half the bytes; what it costs in accuracy is in the entry."""

BATCH = 500


@torch.no_grad()
def accuracy_of(network: SpikingNetwork, test: Split, time_steps: int) -> float:
    """Fraction of a test set that a network, in evaluation mode, takes for what it is."""
    right = 0
    for indices in torch.arange(len(test)).split(BATCH):
        images, labels = test.batch(indices)
        right += int((network(images, time_steps).sum(0).argmax(1) == labels).sum())
    return right / len(test)


def release(run: Path, name: str, *, folder: Path, root: Path) -> str:
    """Write the weights of a run and return the entry of the registry.

    Parameters
    ----------
    run : Path
        Folder of the run's record, with the model that it kept.
    name : str
        Of the pretrained network.
    folder, root : Path
        Where the weights go, and the root of the data that they are tested on.

    Raises
    ------
    ExportError
        If it is no network of LIF neurons on images.
    """
    record = Record.of(json.loads((run / RECORD_FILE).read_text(encoding="utf-8")))
    config, model = load_model(run)
    network, test = getattr(model, "network", None), get_dataset(config.dataset).load(root).test
    if not isinstance(network, SpikingNetwork) or not isinstance(test, ImageSplit) or config.batch_norm:
        raise ExportError(f"{run} is of {config.method} on {config.dataset}; expected tssl_bp on images, no batch_norm")
    weights = {key: value.to(KEPT_TYPE) for key, value in network.state_dict().items()}
    content = io.BytesIO()
    torch.save(weights, content)
    (folder / f"{name}.pt").write_bytes(content.getvalue())
    network.load_state_dict(weights)

    spec, lif = config.network_spec(), network.lif
    entry = {
        "architecture": config.architecture,
        "input_shape": list(spec.input_shape),
        "classes": spec.classes,
        "time_steps": config.time_steps,
        "mean": list(test.mean),
        "std": list(test.std),
        "sha256": hashlib.sha256(content.getvalue()).hexdigest(),
        "accuracy": accuracy_of(network, test, config.time_steps),
        "accuracy_last": record.history[-1].test_accuracy,
        "dataset": config.dataset,
        "method": config.method,
        "epochs": config.epochs,
        "seed": config.seed,
        "run_key": record.run_key,
        "commit": record.environment["commit"],
        "command": record.environment["command"],
    }
    neuron = f"lif = {{ tau_m = {lif.tau_m}, tau_s = {lif.tau_s}, threshold = {lif.threshold} }}"
    # Numbers, texts in ASCII and lists of numbers are written by JSON as TOML has them.
    return "\n".join([f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in entry.items()), neuron])


def main() -> None:
    """Release the run that the command line names."""
    parser = argparse.ArgumentParser(description="Make a pretrained network of a run.")
    parser.add_argument("run", type=Path, help="folder of its record")
    parser.add_argument("name", help="of the pretrained network")
    arguments = parser.parse_args()
    try:
        print(release(arguments.run, arguments.name, folder=tssl_core.pretrained.FOLDER, root=data_root()))
    except TSSLError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
