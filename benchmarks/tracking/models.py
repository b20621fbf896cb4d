"""A trained model in MLflow: its configuration and its weights, no pickled object; the code is this package."""

import json
import shutil
import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from baselines.method import Model, get_method
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.errors import TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.types import TensorSpec

MODEL_NAME = "model"
CONFIG_FILE, WEIGHTS_FILE = "config.json", "weights.pt"


@torch.no_grad()
def save_model(model: Model, example: Tensor, *, config: RunConfig, folder: Path) -> None:
    """Write a model as MLflow's Python function, see `benchmarks.tracking.served`.

    Parameters
    ----------
    model : Model
        After its last epoch.
    example : Tensor
        Inputs as the network gets them: normalised images ``[B, C, H, W]``, or spike trains ``[T, B, C, H, W]``.
    config : RunConfig
        What the model was built from.
    folder : Path
        Made; it must not be there.
    """
    with warnings.catch_warnings():
        # On import it complains of the types of its own classes.
        warnings.filterwarnings("ignore", ".*type hint is inferred as AnyType", UserWarning)
        from mlflow.pyfunc import save_model as save_pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import Schema

    data = folder.with_name(f"{folder.name}-data")
    shutil.rmtree(data, ignore_errors=True)  # of a run that was killed here
    data.mkdir(parents=True)
    (data / CONFIG_FILE).write_text(config.model_dump_json(), encoding="utf-8")
    torch.save({name: value.cpu() for name, value in model.state_dict().items()}, data / WEIGHTS_FILE)
    signature = ModelSignature(
        Schema([_tensor_spec(example, 1 if example.dim() == 5 else 0)]),
        Schema([_tensor_spec(model.eval().scores(model(example)), 0)]),
    )
    save_pyfunc(
        path=str(folder),
        loader_module="benchmarks.tracking.served",
        data_path=str(data),
        signature=signature,
        input_example=example.cpu().numpy(),
        # Given, as MLflow would find them by loading the model in another process.
        pip_requirements=[f"torch=={torch.__version__.partition('+')[0]}", "tssl-bp-suite"],
    )
    shutil.rmtree(data)


def load_model(folder: Path) -> tuple[RunConfig, Model]:
    """Build the network of a kept model and load its weights; nothing is unpickled.

    Parameters
    ----------
    folder : Path
        What `save_model` wrote, or a folder above it, such as that of the run, or the data in it.

    Returns
    -------
    RunConfig, Model
        What it was built from; on the CPU, in evaluation mode.

    Raises
    ------
    TrackingError
        If there is none in the folder, or more than one, or it cannot be read.
    """
    found = sorted(path.parent for path in folder.rglob(CONFIG_FILE) if (path.parent / WEIGHTS_FILE).is_file())
    if len(found) != 1:
        raise TrackingError(
            f"{folder} has {len(found)} kept models, expected one: `tssl run`, and `tssl sweep --log-model`, keep "
            f"theirs in RUNS/STUDY/KEY/model" + "".join(f"\n  {path}" for path in found)
        )
    (data,) = found
    try:
        settings = json.loads((data / CONFIG_FILE).read_text(encoding="utf-8"))
        weights = torch.load(data / WEIGHTS_FILE, map_location="cpu", weights_only=True)
    except (OSError, ValueError, RuntimeError, EOFError, UnpicklingError) as error:
        raise TrackingError(f"the kept model in {data} cannot be read ({error}); train it again") from error
    config = validate_run(settings)
    model = get_method(config.method).build(config.network_spec(), config.method_parameters())
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise TrackingError(f"the weights in {data} are not those of its configuration: {error}") from error
    return config, model.eval()


def log_model(client: "MlflowClient", experiment: str, *, run_id: str, folder: Path) -> None:
    """Send a saved model to a run, as ``runs:/<run_id>/model``; a repeated call changes nothing."""
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus
    from mlflow.models import Model as SavedModel

    found = client.search_logged_models([experiment], f"name = '{MODEL_NAME}' AND source_run_id = '{run_id}'")
    if found and found[0].status == LoggedModelStatus.READY:
        return
    tags = {"weights": "after the last epoch"}
    logged = found[0] if found else client.create_logged_model(experiment, MODEL_NAME, run_id, tags)
    saved = SavedModel.load(str(folder))
    saved.run_id, saved.model_id, saved.model_uuid = run_id, logged.model_id, logged.model_id
    saved.save(str(folder / "MLmodel"))
    client.log_model_artifacts(logged.model_id, str(folder))
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)


def _tensor_spec(tensor: Tensor, batch: int) -> "TensorSpec":
    """Describe an array whose axis `batch` may have any length."""
    from mlflow import types

    array = tensor.cpu().numpy()
    shape = tuple(-1 if axis == batch else size for axis, size in enumerate(array.shape))
    return types.TensorSpec(array.dtype, shape)
