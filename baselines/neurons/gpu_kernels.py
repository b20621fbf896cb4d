"""Triton kernels of the neurons here; equations in the file of each neuron.

One program does a block of neurons over all time steps, with the state in registers, in float32 whatever the type of
the input. Kernels of the backward pass keep the membrane potentials in `potentials`, float32 scratch ``[T, N]``. Flags
are numbers, 0 or 1. With ``TRITON_INTERPRET=1`` set before Triton is first imported, the kernels run on the CPU.
"""

import triton
import triton.language as tl


@triton.jit
def _first(neurons, BLOCK: tl.constexpr):
    """Return where the program's neurons are in a time step, and which of them there are."""
    index = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    return index, index < neurons


@triton.jit
def _one_where(condition):
    return tl.where(condition, 1.0, 0.0)


@triton.jit
def _load(array, at, inside):
    return tl.load(array + at, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _store(array, at, inside, value):
    tl.store(array + at, value.to(array.dtype.element_ty), mask=inside)


@triton.jit
def integrate_and_fire_forward(current, spikes, steps, neurons, threshold, initial, BLOCK: tl.constexpr):
    """Write the spikes of a current."""
    at, inside = _first(neurons, BLOCK)
    potential = tl.zeros([BLOCK], tl.float32) + initial
    for _ in range(steps):
        potential += _load(current, at, inside)
        spike = _one_where(potential >= threshold)
        potential -= threshold * spike
        _store(spikes, at, inside, spike)
        at += neurons


@triton.jit
def _iterative_lif_step(value, rest, threshold, decay, subtract):
    """Return the membrane potential, the spike, and what the reset leaves."""
    u = decay * rest + value
    spike = _one_where(u > threshold)
    return u, spike, tl.where(subtract > 0, u - threshold * spike, u * (1.0 - spike))


@triton.jit
def iterative_lif_forward(
    current, spikes, steps, neurons, threshold, decay, width, peak, smooth, subtract, detach, BLOCK: tl.constexpr
):
    """Write the spikes of a current."""
    at, inside = _first(neurons, BLOCK)
    rest = tl.zeros([BLOCK], tl.float32)
    for _ in range(steps):
        _, spike, rest = _iterative_lif_step(_load(current, at, inside), rest, threshold, decay, subtract)
        _store(spikes, at, inside, spike)
        at += neurons


@triton.jit
def iterative_lif_backward(
    grad_spikes,
    current,
    grad_current,
    potentials,
    steps,
    neurons,
    threshold,
    decay,
    width,
    peak,
    smooth,
    subtract,
    detach,
    BLOCK: tl.constexpr,
):
    """Write dL/dI."""
    at, inside = _first(neurons, BLOCK)
    rest = tl.zeros([BLOCK], tl.float32)
    for _ in range(steps):
        u, _, rest = _iterative_lif_step(_load(current, at, inside), rest, threshold, decay, subtract)
        _store(potentials, at, inside, u)
        at += neurons

    tl.debug_barrier()  # another thread of the program may read back what this one wrote
    later = tl.zeros([BLOCK], tl.float32)
    for _ in range(steps):
        at -= neurons
        u = _load(potentials, at, inside)
        distance = tl.abs(u - threshold)
        e = tl.exp(-distance / width)
        slope = peak * tl.where(smooth > 0, 4.0 * e / ((1.0 + e) * (1.0 + e)), _one_where(distance < width))
        through_spike = tl.where(detach > 0, 0.0, slope)
        after_zero = _one_where(u <= threshold) - u * through_spike
        kept = tl.where(subtract > 0, 1.0 - threshold * through_spike, after_zero)
        later = _load(grad_spikes, at, inside) * slope + decay * kept * later
        _store(grad_current, at, inside, later)


@triton.jit
def _spike_response_step(value, p, q, ref_p, ref_q, threshold, decay, gain, ref_decay, ref_gain, delay):
    """Return the membrane potential, the spike, and the four sums."""
    before = p
    p = decay * p + value
    q = decay * (q + tl.where(delay > 0, before, p))
    ref_q = ref_decay * (ref_q + ref_p)
    u = gain * q + ref_gain * ref_q
    spike = _one_where(u >= threshold)
    return u, spike, p, q, ref_decay * ref_p + spike, ref_q


@triton.jit
def spike_response_forward(
    current,
    spikes,
    steps,
    neurons,
    threshold,
    decay,
    gain,
    ref_decay,
    ref_gain,
    width,
    peak,
    delay,
    BLOCK: tl.constexpr,
):
    """Write the spikes of a current."""
    at, inside = _first(neurons, BLOCK)
    p = tl.zeros([BLOCK], tl.float32)
    q, ref_p, ref_q = p, p, p
    for _ in range(steps):
        value = _load(current, at, inside)
        _, spike, p, q, ref_p, ref_q = _spike_response_step(
            value, p, q, ref_p, ref_q, threshold, decay, gain, ref_decay, ref_gain, delay
        )
        _store(spikes, at, inside, spike)
        at += neurons


@triton.jit
def spike_response_backward(
    grad_spikes,
    current,
    grad_current,
    potentials,
    steps,
    neurons,
    threshold,
    decay,
    gain,
    ref_decay,
    ref_gain,
    width,
    peak,
    delay,
    BLOCK: tl.constexpr,
):
    """Write dL/dI."""
    at, inside = _first(neurons, BLOCK)
    p = tl.zeros([BLOCK], tl.float32)
    q, ref_p, ref_q = p, p, p
    for _ in range(steps):
        value = _load(current, at, inside)
        u, _, p, q, ref_p, ref_q = _spike_response_step(
            value, p, q, ref_p, ref_q, threshold, decay, gain, ref_decay, ref_gain, delay
        )
        _store(potentials, at, inside, u)
        at += neurons

    tl.debug_barrier()  # another thread of the program may read back what this one wrote
    error_p = tl.zeros([BLOCK], tl.float32)
    error_q = error_p
    for _ in range(steps):
        at -= neurons
        slope = peak * tl.exp(-tl.abs(_load(potentials, at, inside) - threshold) / width)
        before = error_p
        error_p = decay * error_p + _load(grad_spikes, at, inside) * slope
        error_q = decay * (error_q + tl.where(delay > 0, before, error_p))
        _store(grad_current, at, inside, gain * error_q)
