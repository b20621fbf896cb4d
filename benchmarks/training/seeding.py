"""One seed, several independent random streams: each purpose draws from its own.

The streams depend on the seed and the purpose alone, not on the method, so that two methods run with one seed
start from the same weights and see the same samples in the same order.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

Purpose = Literal["initialisation", "order", "dropout", "augmentation", "split"]


def seed_for(seed: int, purpose: Purpose) -> int:
    """Derive the seed of one random stream, an integer below 2^63.

    Parameters
    ----------
    seed : int
        Seed of the run.
    purpose : str
        What the stream is for.
    """
    digest = hashlib.sha256(f"{seed}:{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator_for(seed: int, purpose: Purpose, device: torch.device | None = None) -> torch.Generator:
    """Make the generator of one random stream, on the CPU unless a device is named."""
    return torch.Generator(device or torch.device("cpu")).manual_seed(seed_for(seed, purpose))


@contextmanager
def as_global_stream(stream: torch.Generator) -> Iterator[None]:
    """Let what draws from torch's own generator on the stream's device, as dropout does, draw from `stream` instead."""
    device = stream.device
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        if on_gpu:
            torch.cuda.set_rng_state(stream.get_state(), device)
        else:
            torch.set_rng_state(stream.get_state())
        yield
        stream.set_state(torch.cuda.get_rng_state(device) if on_gpu else torch.get_rng_state())
