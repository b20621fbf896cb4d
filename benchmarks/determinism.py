"""What makes the same run give the same bits twice, as far as PyTorch can be told."""

import torch


def choose_deterministic_kernels() -> None:
    """Keep cuDNN from taking whichever algorithm was faster this time, and from those that add in any order."""
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def describe_determinism() -> str:
    """Name the switches of PyTorch that results depend on, as they stand."""
    cudnn = torch.backends.cudnn
    switches = {
        "cudnn.deterministic": cudnn.deterministic,
        "cudnn.benchmark": cudnn.benchmark,
        "cudnn.allow_tf32": cudnn.allow_tf32,
        "matmul.allow_tf32": torch.backends.cuda.matmul.allow_tf32,
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
    }
    return ", ".join(f"{name}={value}" for name, value in switches.items())
