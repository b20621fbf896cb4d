"""Where and how a run is carried out: nothing of what it computes."""

from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.config.run import RunConfig
from benchmarks.defaults import Precision
from benchmarks.errors import ConfigError
from benchmarks.platform.precision import HALF, precision_on


@dataclass(frozen=True, kw_only=True)
class Execution:
    """Where and how a run is carried out; nothing here changes what it computes, except for how it is rounded.

    Parameters
    ----------
    device : str
        A torch device.
    backend : str
        Implementation of the neurons; ``"auto"`` is the fastest that can run, and is logged by its name.
    data_root : str, optional
        Folder of the datasets, see `benchmarks.datasets.dataset.data_root`.
    progress : bool
        Whether somebody looks on, at a terminal.
    checkpoints : Path, optional
        Root of the checkpoints of runs in progress, see `benchmarks.training.checkpoints`; None for none.
    threads : int, optional
        Threads of torch on the CPU; None leaves torch its own choice, or the executor's. Sums are rounded differently
        with another number of them.
    elsewhere : bool
        Whether the runs take place on other machines, so that the device need not be here.
    cuda_graphs : bool
        Whether training steps and evaluations are recorded on a GPU, see `benchmarks.platform.cuda_graph`.
    cudnn_benchmark : bool, optional
        Whether cuDNN times its deterministic algorithms and keeps the fastest, see `benchmarks.platform.determinism`.
        None is for runs in 16 bits only, which are for speed: processes may choose, and then round, differently.
    gpu_share : float
        Part of a GPU's memory that runs of this process may take, in (0, 1].
    """

    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    backend: str = "auto"
    data_root: str | None = None
    progress: bool = False
    checkpoints: Path | None = None
    threads: int | None = None
    elsewhere: bool = False
    cuda_graphs: bool = True
    cudnn_benchmark: bool | None = None
    gpu_share: float = 1.0

    def __post_init__(self) -> None:
        """Refuse devices that torch does not know or that are not here, and less than one thread."""
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads is {self.threads}; expected 1 or more")
        try:
            device = torch.device(self.device)
        except RuntimeError as error:
            raise ConfigError(f"unknown device {self.device!r}; expected cpu, cuda or cuda:N") from error
        if device.type == "cuda" and not self.elsewhere and (device.index or 0) >= torch.cuda.device_count():
            raise ConfigError(
                f"device {self.device!r} is not here: torch sees {torch.cuda.device_count()} CUDA devices"
            )

    def precision_of(self, config: RunConfig) -> Precision:
        """Precision that the products of a run have here.

        Raises
        ------
        ConfigError
            If the device does not compute in it.
        """
        return precision_on(torch.device(self.device), config.precision)

    def benchmarks_cudnn(self, config: RunConfig) -> bool:
        """Whether cuDNN chooses by time in a run."""
        return config.precision in HALF if self.cudnn_benchmark is None else self.cudnn_benchmark
