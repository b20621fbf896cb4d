"""Triton kernels of the TSSL-BP neuron; equations in `tssl_core.reference`, their fused form in `fused.py`.

One program does a block of neurons over all time steps, with the state in registers, in float32 whatever the type of
the input. With ``TRITON_INTERPRET=1`` set before Triton is first imported, the kernels run on the CPU, slowly.
"""

import triton
import triton.language as tl


@triton.jit
def _step(current, membrane, synapse, tau_m, tau_s, threshold):
    """One time step: delta u, u, whether it is a spike, the membrane potential after the reset, the PSC."""
    # A plain division is approximate on a GPU, and would move spikes.
    delta_u = current - tl.div_rn(membrane, tau_m)
    u = membrane + delta_u
    is_spike = u > threshold
    synapse += tl.div_rn(tl.where(is_spike, 1.0, 0.0) - synapse, tau_s)
    return delta_u, u, is_spike, u * tl.where(is_spike, 0.0, 1.0), synapse


@triton.jit
def forward_kernel(current, psc, steps, neurons, tau_m, tau_s, threshold, BLOCK: tl.constexpr):
    """Write the PSC ``[T, N]`` of a current ``[T, N]``."""
    index = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = index < neurons
    current += index
    psc += index
    membrane = tl.zeros([BLOCK], tl.float32)
    synapse = tl.zeros([BLOCK], tl.float32)
    for _ in range(steps):
        value = tl.load(current, mask=inside, other=0.0).to(tl.float32)
        _, _, _, membrane, synapse = _step(value, membrane, synapse, tau_m, tau_s, threshold)
        tl.store(psc, synapse.to(psc.dtype.element_ty), mask=inside)
        current += neurons
        psc += neurons


@triton.jit
def count_kernel(current, count, steps, neurons, tau_m, tau_s, threshold, BLOCK: tl.constexpr):
    """Add the number of spikes to an int64."""
    index = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = index < neurons
    current += index
    membrane = tl.zeros([BLOCK], tl.float32)
    synapse = tl.zeros([BLOCK], tl.float32)
    spikes = tl.zeros([BLOCK], tl.int64)
    for _ in range(steps):
        value = tl.load(current, mask=inside, other=0.0).to(tl.float32)
        _, _, is_spike, membrane, synapse = _step(value, membrane, synapse, tau_m, tau_s, threshold)
        spikes += is_spike.to(tl.int64)
        current += neurons
    # A neuron past the end has no input; as the threshold is positive it is silent.
    tl.atomic_add(count, tl.sum(spikes))


@triton.jit
def _weight(
    delta_u, above, is_spike, is_gated, weight_min, weight_max, narrowness, square_limit, surrogate_scale, psc_gain
):
    """Weight of e[t]; a step needs the surrogate or the slope, never both, so they share the division."""
    y = above * above * narrowness
    y = tl.where(y > square_limit, square_limit, y)
    cosh = 1.0 / 6402373705728000.0  # 1 / 18!, the first of ten terms of the Taylor series
    cosh = cosh * y + 1.0 / 20922789888000.0
    cosh = cosh * y + 1.0 / 87178291200.0
    cosh = cosh * y + 1.0 / 479001600.0
    cosh = cosh * y + 1.0 / 3628800.0
    cosh = cosh * y + 1.0 / 40320.0
    cosh = cosh * y + 1.0 / 720.0
    cosh = cosh * y + 1.0 / 24.0
    cosh = cosh * y + 1.0 / 2.0
    cosh = cosh * y + 1.0
    quotient = psc_gain / tl.where(is_gated, surrogate_scale * (cosh * cosh), delta_u)
    slope = tl.where(quotient < weight_min, weight_min, quotient)
    slope = tl.where(slope > weight_max, weight_max, slope)
    return tl.where(is_gated, -quotient, tl.where(is_spike, slope, 0.0))


@triton.jit
def backward_kernel(
    grad_psc,
    current,
    grad_current,
    weights,
    factors,
    gate_below,
    steps,
    neurons,
    tau_m,
    tau_s,
    threshold,
    weight_min,
    weight_max,
    narrowness,
    square_limit,
    surrogate_scale,
    psc_gain,
    psc_decay,
    leak,
    reset,
    BLOCK: tl.constexpr,
):
    """Write dL/dI ``[T, N]``; `weights` and `factors` are float32 scratch ``[T, N]``, `gate_below` is one float32."""
    index = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = index < neurons
    grad_psc += index
    current += index
    grad_current += index
    weights += index
    factors += index
    psc_limit = tl.load(gate_below)
    membrane = tl.zeros([BLOCK], tl.float32)
    synapse = tl.zeros([BLOCK], tl.float32)
    for _ in range(steps):
        value = tl.load(current, mask=inside, other=0.0).to(tl.float32)
        delta_u, u, is_spike, membrane, synapse = _step(value, membrane, synapse, tau_m, tau_s, threshold)
        is_gated = synapse < psc_limit
        weight = _weight(
            delta_u,
            u - threshold,
            is_spike,
            is_gated,
            weight_min,
            weight_max,
            narrowness,
            square_limit,
            surrogate_scale,
            psc_gain,
        )
        tl.store(weights, weight, mask=inside)
        tl.store(factors, tl.where(is_spike & ~is_gated, weight * u * reset, leak), mask=inside)
        current += neurons
        weights += neurons
        factors += neurons
        grad_psc += neurons
        grad_current += neurons

    tl.debug_barrier()  # another thread of the program may read back what this one wrote
    error = tl.zeros([BLOCK], tl.float32)
    theta = tl.zeros([BLOCK], tl.float32)
    for _ in range(steps):
        weights -= neurons
        factors -= neurons
        grad_psc -= neurons
        grad_current -= neurons
        weight = tl.load(weights, mask=inside, other=0.0)
        factor = tl.load(factors, mask=inside, other=0.0)
        error = tl.load(grad_psc, mask=inside, other=0.0).to(tl.float32) + psc_decay * error
        inter = weight * error
        theta = tl.where(weight < 0, 0.0, inter) + factor * theta
        gradient = tl.where(weight < 0, -inter, theta)
        tl.store(grad_current, gradient.to(grad_current.dtype.element_ty), mask=inside)


INTERPRETED = not any(isinstance(function, triton.runtime.JITFunction) for function in (forward_kernel, tl.zeros))
"""Whether Triton was set to interpret, before it was imported anywhere; its kernels then take tensors on the CPU."""
