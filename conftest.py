"""What has to be settled before anything imports Triton, and so before tests/conftest.py is read."""

import os

import torch

# Without a GPU, Triton's kernels are tested under its interpreter.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
