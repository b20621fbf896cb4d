"""``tssl export-nir``: a trained TSSL-BP network, as a file of NIR."""

import io
from pathlib import Path

from benchmarks.cli.main import EXIT_OK
from benchmarks.cli.parser import ExportOptions
from benchmarks.errors import ExportError
from benchmarks.export.nir_graph import import_nir, to_nir
from benchmarks.platform.atomic import write_atomically
from benchmarks.tracking.models import load_model
from tssl_core import SpikingNetwork, load_pretrained, pretrained_networks
from tssl_core.architecture import InputShape


def export_command(options: ExportOptions) -> int:
    """Write the file and say how to read it."""
    nir = import_nir()
    network, input_shape, time_steps = trained_network(options.model)
    content = io.BytesIO()
    nir.write(content, to_nir(network, input_shape, dt=options.dt))
    try:
        write_atomically(options.file, content.getvalue())
    except OSError as error:
        raise ExportError(f"cannot write {options.file}: {error}; choose another file") from error
    print(f"{options.file}: input {input_shape} in each of {time_steps} time steps of {options.dt:g} s, output spikes")
    return EXIT_OK


def trained_network(model: str) -> tuple[SpikingNetwork, InputShape, int]:
    """Find a network by the folder that keeps it or by its name; with the shape of its input and its time steps.

    Raises
    ------
    ExportError
        If it is neither, or was not made by TSSL-BP.
    """
    known = pretrained_networks()
    if model in known:
        return load_pretrained(model), known[model].input_shape, known[model].time_steps
    if not Path(model).is_dir():
        raise ExportError(
            f"{model} is neither a folder of a kept model nor a pretrained network; expected a folder such as "
            f"RUNS/STUDY/KEY/model, or one of {', '.join(known)}"
        )
    config, trained = load_model(Path(model))
    network = getattr(trained, "network", None)
    if not isinstance(network, SpikingNetwork):
        raise ExportError(
            f"the model in {model} was trained by {config.method}; expected tssl_bp, whose neurons are in NIR"
        )
    return network, config.network_spec().input_shape, config.time_steps
