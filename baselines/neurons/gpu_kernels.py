"""The neurons here for ``tssl_core/kernels/gpu_scan.py``, which says what the functions are; equations in their files.

``numbers`` are what the neuron's own ``numbers`` returns; flags are among them, 0 or 1, and ``FLAGS`` is empty. What a
backward pass keeps of a step is the membrane potential.
"""

import triton
import triton.language as tl


@triton.jit
def prepare(numbers, FLAGS: tl.constexpr):
    """Leave the numbers as they are."""
    return numbers


@triton.jit
def integrate_and_fire_rest(zero, numbers):
    """Return the initial potential."""
    return (zero + numbers[1],)


@triton.jit
def integrate_and_fire_step(current, state, numbers, FLAGS: tl.constexpr):
    """One time step."""
    potential = state[0] + current
    is_spike = potential >= numbers[0]
    spike = tl.where(is_spike, 1.0, 0.0)
    return spike, is_spike, (potential - numbers[0] * spike,)


@triton.jit
def iterative_lif_rest(zero, numbers):
    """Return what a reset would leave before the first step."""
    return (zero,)


@triton.jit
def iterative_lif_record(current, state, numbers, FLAGS: tl.constexpr):
    """One time step: the membrane potential, and what the reset leaves."""
    threshold, decay, _, _, _, subtract, _ = numbers
    u = decay * state[0] + current
    spike = tl.where(u > threshold, 1.0, 0.0)
    return (u,), (tl.where(subtract > 0, u - threshold * spike, u * (1.0 - spike)),)


@triton.jit
def iterative_lif_step(current, state, numbers, FLAGS: tl.constexpr):
    """One time step of the forward pass."""
    kept, state = iterative_lif_record(current, state, numbers, FLAGS)
    is_spike = kept[0] > numbers[0]
    return tl.where(is_spike, 1.0, 0.0), is_spike, state


@triton.jit
def iterative_lif_adjoint(error, kept, carry, numbers, FLAGS: tl.constexpr):
    """One time step back; what is carried is the gradient of the step behind."""
    threshold, decay, width, peak, smooth, subtract, detach = numbers
    u = kept[0]
    distance = tl.abs(u - threshold)
    e = tl.exp(-distance / width)
    rectangle = tl.where(distance < width, 1.0, 0.0)
    slope = peak * tl.where(smooth > 0, 4.0 * e / ((1.0 + e) * (1.0 + e)), rectangle)
    through_spike = tl.where(detach > 0, 0.0, slope)
    after_zero = tl.where(u <= threshold, 1.0, 0.0) - u * through_spike
    kept_by_reset = tl.where(subtract > 0, 1.0 - threshold * through_spike, after_zero)
    gradient = error * slope + decay * kept_by_reset * carry[0]
    return gradient, (gradient,)


@triton.jit
def spike_response_rest(zero, numbers):
    """Return the four sums before the first step."""
    return zero, zero, zero, zero


@triton.jit
def spike_response_record(current, state, numbers, FLAGS: tl.constexpr):
    """One time step: the membrane potential, and the four sums."""
    threshold, decay, gain, ref_decay, ref_gain, _, _, delay = numbers
    before, q, ref_p, ref_q = state
    p = decay * before + current
    q = decay * (q + tl.where(delay > 0, before, p))
    ref_q = ref_decay * (ref_q + ref_p)
    u = gain * q + ref_gain * ref_q
    ref_p = ref_decay * ref_p + tl.where(u >= threshold, 1.0, 0.0)
    return (u,), (p, q, ref_p, ref_q)


@triton.jit
def spike_response_step(current, state, numbers, FLAGS: tl.constexpr):
    """One time step of the forward pass."""
    kept, state = spike_response_record(current, state, numbers, FLAGS)
    is_spike = kept[0] >= numbers[0]
    return tl.where(is_spike, 1.0, 0.0), is_spike, state


@triton.jit
def spike_response_adjoint(error, kept, carry, numbers, FLAGS: tl.constexpr):
    """One time step back; the error crosses epsilon by two sums."""
    threshold, decay, gain, _, _, width, peak, delay = numbers
    slope = peak * tl.exp(-tl.abs(kept[0] - threshold) / width)
    before, q = carry
    p = decay * before + error * slope
    q = decay * (q + tl.where(delay > 0, before, p))
    return gain * q, (p, q)
