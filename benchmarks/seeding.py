"""One seed, several independent random streams: each purpose draws from its own.

The streams depend on the seed and the purpose alone, not on the method, so that two methods run with one seed
start from the same weights and see the same samples in the same order.
"""

import hashlib
from typing import Literal

import torch

Purpose = Literal["initialisation", "order", "dropout", "augmentation", "split", "encoding"]


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


def generator_for(seed: int, purpose: Purpose) -> torch.Generator:
    """Make the CPU generator of one random stream."""
    return torch.Generator().manual_seed(seed_for(seed, purpose))
