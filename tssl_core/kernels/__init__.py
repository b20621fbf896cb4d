"""The TSSL-BP neuron as an operator, and its backends.

==============  ================  ======================  ==============================================
backend         device            dtype                   needs
==============  ================  ======================  ==============================================
``cpu``         CPU               float32, float64        the compiled extension (``native.py``)
``triton``      CUDA              float32, half, bfloat   Triton, which comes with torch on Linux
``reference``   any               any floating point      nothing; slow
==============  ================  ======================  ==============================================

Without a GPU, tests run the Triton backend under Triton's interpreter; with one, on it.
"""

from tssl_core import reference
from tssl_core.kernels import cpu, gpu
from tssl_core.kernels.scan import Backend, Scan, reference_backend
from tssl_core.params import LIFParams, TSSLParams

SPIKING_PSC = Scan(
    "spiking_psc",
    (LIFParams, TSSLParams),
    (
        Backend("cpu", "cpu", cpu.LIBRARY.unavailable, cpu.forward, cpu.backward),
        Backend("triton", "cuda", gpu.unavailable, gpu.forward, gpu.backward),
        reference_backend(lambda current, lif, _tssl: reference.forward(current, lif), reference.backward),
    ),
)
"""``SPIKING_PSC(current, lif, tssl, backend=...)``; `tssl_core.spiking_psc` is the public call."""

available = SPIKING_PSC.available
resolve = SPIKING_PSC.resolve
