import os

import torch

# Without a GPU Triton's kernels are tested under its interpreter, which has to be chosen before they are imported.
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
