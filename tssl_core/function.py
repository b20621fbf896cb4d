"""The TSSL-BP neuron as one differentiable operation."""

from torch import Tensor

from tssl_core.errors import ParameterError
from tssl_core.kernels import SPIKING_PSC
from tssl_core.params import LIFParams, TSSLParams

_DEFAULT_LIF, _DEFAULT_TSSL = LIFParams(), TSSLParams()


def spiking_psc(
    current: Tensor,
    lif: LIFParams | None = None,
    tssl: TSSLParams | None = None,
    *,
    backend: str = "auto",
) -> Tensor:
    """Postsynaptic current of spiking neurons, differentiable by TSSL-BP.

    Parameters
    ----------
    current : Tensor
        Input current, ``[T, ...]`` with T >= 1, floating point; one neuron an element past the first axis.
    lif : LIFParams, optional
        Neuron parameters.
    tssl : TSSLParams, optional
        Variant of the gradient; the default is the authors' last version.
    backend : str
        ``"auto"``, or the name of a backend (see `tssl_core.kernels.available`).

    Returns
    -------
    Tensor
        PSC, ``[T, ...]``, shaped and typed like `current`, in [0, 1).

    Raises
    ------
    ParameterError
        If `current` has no time axis, no time steps, or is not floating point.
    BackendUnavailableError
        If `backend` was named and cannot run here.

    Notes
    -----
    Equations in `tssl_core.reference`; Zhang & Li 2020, and ``functions/tsslbp.py`` of the authors' code.
    """
    if current.dim() == 0 or current.shape[0] == 0:
        raise ParameterError(
            f"current has shape {tuple(current.shape)}; expected [T, ...] with at least one time step first"
        )
    if not current.is_floating_point():
        raise ParameterError(f"current has dtype {current.dtype}; expected a floating-point tensor")
    return SPIKING_PSC(current, lif or _DEFAULT_LIF, tssl or _DEFAULT_TSSL, backend=backend)
