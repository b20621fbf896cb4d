"""Work on very many recordings, shared out among the cores of this machine."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

import torch
from tqdm import tqdm

from benchmarks.platform.cores import usable_cores

CHUNKS_FOR_WORKERS = 8
"""With fewer chunks, starting other processes takes longer than the work."""

Chunk = TypeVar("Chunk")
Made = TypeVar("Made")


def shared_out(work: Callable[[Chunk], Made], chunks: Sequence[Chunk], *, description: str) -> Iterator[Made]:
    """Yield what is made of each chunk, in order; many of them are worked on in as many processes as there are cores.

    Parameters
    ----------
    work : callable
        Takes a chunk; can be pickled, as chunks and what it returns can.
    chunks : sequence
        All there is to do.
    description : str
        Of the bar that terminals show if it takes long.
    """
    if len(chunks) < CHUNKS_FOR_WORKERS:
        yield from map(work, chunks)
        return
    # Never forked: OpenMP's threads do not survive that.
    with ProcessPoolExecutor(usable_cores(), get_context("spawn"), initializer=_one_thread) as pool:
        made = pool.map(work, chunks)
        yield from tqdm(made, total=len(chunks), desc=description, unit="chunk", disable=None, leave=False)


def _one_thread() -> None:
    """Workers share the cores among themselves."""
    torch.set_num_threads(1)
