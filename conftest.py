"""What has to be settled before anything imports Triton, and so before tests/conftest.py is read."""

import os

import torch

# Without a GPU, Triton's kernels are tested under its interpreter.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

# Test processes side by side have a core each: with more threads than cores, OpenMP's threads wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
