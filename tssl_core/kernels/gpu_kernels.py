"""The TSSL-BP neuron for ``gpu_scan.py``; equations in `tssl_core.reference`, their fused form in `fused.py`.

``numbers`` are ``(neuron, gate, gradient)``, the first alone in the forward pass; `gpu` tells what they hold. ``FLAGS``
are whether two multiplications divide exactly by tau_m, and by tau_s, then the kind of intra-neuron term, one of the
constants below, and whether the gate is the layer's.
"""

import triton
import triton.language as tl

from tssl_core.kernels.gpu_arithmetic import divide, power_of_two, reciprocal

NO_INTRA, LAST_VERSION, RESET_MATRIX = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)


@triton.jit
def rest(zero, numbers):
    """Return membrane potential and PSC before the first step."""
    return zero, zero


@triton.jit
def _neuron(current, state, numbers, FLAGS: tl.constexpr):
    """One time step: delta u, u, whether it is a spike, and membrane potential after the reset and PSC."""
    membrane, synapse = state
    tau_m, tau_s, threshold = numbers[0]
    delta_u = current - divide(membrane, tau_m, FLAGS[0])
    u = membrane + delta_u
    is_spike = u > threshold
    synapse += divide(tl.where(is_spike, 1.0, 0.0) - synapse, tau_s, FLAGS[1])
    return delta_u, u, is_spike, (u * tl.where(is_spike, 0.0, 1.0), synapse)


@triton.jit
def step(current, state, numbers, FLAGS: tl.constexpr):
    """One time step of the forward pass."""
    _, _, is_spike, state = _neuron(current, state, numbers, FLAGS)
    return state[1], is_spike, state


@triton.jit
def prepare(numbers, FLAGS: tl.constexpr):
    """Put the PSC below which the surrogate stands in for the spike count of a layer and its limit."""
    neuron, gate, gradient = numbers
    below, most_spikes = gate
    if FLAGS[3]:
        below = tl.where(tl.load(below) <= most_spikes, float("inf"), float("-inf"))
    return neuron, below, gradient


@triton.jit
def record(current, state, numbers, FLAGS: tl.constexpr):
    """One time step, with the weight of e[t] in its gradient and the factor of what later spikes hand back."""
    delta_u, u, is_spike, state = _neuron(current, state, numbers, FLAGS)
    neuron, below, gradient = numbers
    steepness, exponent_limit, surrogate_gain, psc_gain, weight_min, weight_max, _, leak, reset = gradient
    is_gated = state[1] < below
    # A step needs the surrogate or the slope, never both, so they share the division. NaN is to stay what it is.
    exponent = tl.abs(u - neuron[2]) * steepness
    e = power_of_two(-tl.minimum(exponent, exponent_limit, propagate_nan=tl.PropagateNan.ALL))
    divided = tl.where(is_gated, surrogate_gain * e, psc_gain)
    quotient = divided * reciprocal(tl.where(is_gated, (1.0 + e) * (1.0 + e), delta_u))
    slope = tl.maximum(quotient, weight_min, propagate_nan=tl.PropagateNan.ALL)
    slope = tl.where(is_spike, tl.minimum(slope, weight_max, propagate_nan=tl.PropagateNan.ALL), 0.0)
    if FLAGS[2] == NO_INTRA:
        kept = (tl.where(is_gated, quotient, slope),)
    elif FLAGS[2] == RESET_MATRIX:
        kept = (tl.where(is_gated, quotient, slope), tl.where(is_spike, u * reset, 0.0))
    else:
        weight = tl.where(is_gated, -quotient, slope)
        kept = (weight, tl.where(is_spike & (is_gated == 0), weight * u * reset, leak))
    return kept, state


@triton.jit
def adjoint(error, kept, carry, numbers, FLAGS: tl.constexpr):
    """One time step back: dL/dI, and e[t] with what an earlier spike gets from this one."""
    later_error, carried = carry
    psc_decay, leak = numbers[2][6], numbers[2][7]
    if FLAGS[2] == RESET_MATRIX:
        reset_error = tl.fma(kept[1], carried, error)
        carried = tl.where(kept[1] > 0, error, leak * carried)
        error = tl.fma(psc_decay, later_error, reset_error)
        gradient = kept[0] * error
    else:
        error = tl.fma(psc_decay, later_error, error)
        gradient = kept[0] * error
        if FLAGS[2] == LAST_VERSION:
            carried = tl.fma(kept[1], carried, tl.where(kept[0] < 0, 0.0, gradient))
            gradient = tl.where(kept[0] < 0, -gradient, carried)
    return gradient, (error, carried)
