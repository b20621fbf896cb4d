"""Memory for large outputs: kept when it is freed, taken again, and never while somebody has it."""

import mmap
import threading

import pytest
import torch
from torch import Tensor

from tests.kernels import normal, skip_without
from tssl_core import spiking_psc
from tssl_core.kernels import SPIKING_PSC, buffers
from tssl_core.kernels.buffers import LARGE, Buffers

FLOATS = LARGE // 4


def take(own: Buffers, floats: int = FLOATS) -> Tensor:
    return own.empty_strided((floats,), (1,), torch.float32)


def test_a_freed_block_is_taken_again() -> None:
    own = Buffers()
    tensor = take(own)
    address = tensor.data_ptr()
    del tensor
    assert take(own).data_ptr() == address


def test_a_block_is_not_taken_while_a_view_of_it_lives() -> None:
    own = Buffers()
    tensor = take(own)
    view = tensor[3:5].zero_()
    del tensor
    take(own).fill_(1.0)
    assert view.tolist() == [0.0, 0.0]


def test_only_a_block_of_that_size_is_taken() -> None:
    own = Buffers()
    first = take(own)
    address = first.data_ptr()
    del first
    assert take(own, 4 * FLOATS).data_ptr() != address


def test_what_is_kept_has_an_end_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "KEPT_BYTES", 4 * LARGE)
    own = Buffers()
    for tensors in [[take(own)], [take(own, 2 * FLOATS)], [take(own, 3 * FLOATS)]]:
        tensors.clear()
    assert [len(block) for block in own._free] == [3 * LARGE]
    take(own)
    assert [len(block) for block in own._free] == [3 * LARGE, LARGE]
    own.clear()
    assert not own._free


def test_a_block_that_comes_back_while_another_is_looked_for_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the garbage collector frees a tensor in the middle of it, in the same thread."""

    class Returning(mmap.mmap):
        def __len__(self) -> int:
            if other := waiting and waiting.pop():
                own._give_back(other)
            return super().__len__()

    own, waiting = Buffers(), []
    blocks = [Returning(-1, size) for size in (2 * LARGE, LARGE, LARGE)]
    own._give_back(blocks[0])
    own._give_back(blocks[1])
    waiting.append(blocks[2])
    assert own._take(2 * LARGE) is blocks[0]
    assert (own._kept, list(own._free)) == (2 * LARGE, blocks[1:])
    waiting.append(Returning(-1, LARGE))
    monkeypatch.setattr(buffers, "KEPT_BYTES", LARGE)
    own._give_back(Returning(-1, LARGE))
    assert own._kept == sum(map(len, own._free)) == LARGE


def test_small_tensors_are_pytorchs_own() -> None:
    own = Buffers()
    take(own, 100)
    assert not own._free


def test_shape_strides_and_type_are_as_asked_and_the_memory_can_be_written() -> None:
    tensor = Buffers().empty_strided((2, 3, FLOATS), (3 * FLOATS, 1, 3), torch.float64)
    tensor.copy_(normal(2, 3, 1, dtype=torch.float64))
    assert tensor.stride() == (3 * FLOATS, 1, 3)
    assert torch.equal(tensor[..., -1], normal(2, 3, 1, dtype=torch.float64)[..., 0])


def test_threads_do_not_get_the_same_block() -> None:
    own, addresses, held = Buffers(), [], threading.Barrier(4)

    def hold() -> None:
        for _ in range(20):
            tensor = take(own)
            addresses.append((held.wait(), tensor.data_ptr()))
            held.wait()
            del tensor
            held.wait()

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rounds = [addresses[start : start + 4] for start in range(0, len(addresses), 4)]
    assert all(len({address for _, address in one}) == 4 for one in rounds)
    assert len({address for _, address in addresses}) <= 8


def test_a_script_gets_its_outputs_from_what_it_has_freed() -> None:
    skip_without(SPIKING_PSC, "cpu")
    current, addresses = normal(5, FLOATS // 2), set()
    for _ in range(6):
        addresses.add(spiking_psc(current).data_ptr())
    assert len(addresses) == 1
