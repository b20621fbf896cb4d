"""Triton kernels that run any neuron over time, with what is fused around it; the counterpart of ``scan.h`` and more.

A program does a block of neurons over all time steps, with everything in registers and in float32 whatever the type of
the input. With pooling, it does a block of windows, and their neurons one position of the window after the other.

A neuron is a few functions, which the kernels take as constants; tuples hold what a step leaves to the next one, as
``numbers`` and ``FLAGS`` hold parameters and compile-time choices, of any length::

    REST(zero, numbers) -> state
    STEP(current, state, numbers, FLAGS) -> output, is_spike, state
    PREPARE(numbers, FLAGS) -> numbers               of the backward pass, once a program
    RECORD(current, state, numbers, FLAGS) -> kept, state                  a step whose gradient will be asked for
    ADJOINT(error, kept, carry, numbers, FLAGS) -> gradient, carry         steps last to first; the carry begins at 0

More than `MOST_STEPS` time steps are split into segments of equal length, the first of which begins before the first
step if need be: a neuron without input stays at rest. The backward pass then runs through the neurons once to keep
their state before each segment, and once more in each segment, so that only states go through memory.

Compile with ``enable_fp_fusion=False``, or products are fused with sums where the reference rounds them apart. With
``TRITON_INTERPRET=1`` set before Triton is first imported, the kernels run on the CPU, slowly.
"""

import triton
import triton.language as tl


@triton.jit
def _places(samples, MAPS: tl.constexpr, NEURONS: tl.constexpr, BORDER: tl.constexpr, BLOCK: tl.constexpr):
    """Where a block of windows is in memory, and how much of the map lies at and behind each one's first neuron.

    Returns the first neuron, its factor, the output, its factor, whether the window exists, rows and columns there.
    Without maps each neuron is a window. With `BORDER` incomplete windows count, too.
    """
    if MAPS is None:
        first = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        exists = first < samples * NEURONS
        factor, output, output_factor, rows, columns = first, first, first, 1, 1
    else:
        C: tl.constexpr = MAPS[0]
        H: tl.constexpr = MAPS[1]
        W: tl.constexpr = MAPS[2]
        POOL: tl.constexpr = MAPS[3]
        DOWN: tl.constexpr = (H + POOL - 1) // POOL if BORDER else H // POOL
        ACROSS: tl.constexpr = (W + POOL - 1) // POOL if BORDER else W // POOL
        window = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        exists = window < samples * (DOWN * ACROSS * C)
        channel, place = window % C, window // C
        column, place = place % ACROSS, place // ACROSS
        row, sample = place % DOWN, place // DOWN
        rows, columns = H - row * POOL, W - column * POOL
        factor = (sample * H + row * POOL) * C + channel
        output_factor = (sample * (H // POOL) + row) * C + channel
        if POOL == 1:
            first = window  # said so, because it lets any number of channels be read in vectors
        else:
            first = ((sample * H + row * POOL) * W + column * POOL) * C + channel
        if MAPS[4]:
            output = ((sample * C + channel) * (H // POOL) + row) * (W // POOL) + column
        elif POOL == 1:
            output = window
        else:
            output = ((sample * (H // POOL) + row) * (W // POOL) + column) * C + channel
    return first, factor, output, output_factor, exists, rows, columns


@triton.jit
def _position(i, j, first, factor, exists, rows, columns, MAPS: tl.constexpr, BORDER: tl.constexpr):
    """Where the neurons in row i and column j of the windows are, their factors, and whether they exist."""
    if MAPS is not None:
        first += (i * MAPS[2] + j) * MAPS[0]
        factor += i * MAPS[0]
        if BORDER:
            exists = exists & (i < rows) & (j < columns)
    return first, factor, exists


@triton.jit
def _load(array, at, exists):
    return tl.load(array + at, mask=exists, other=0.0).to(tl.float32)


@triton.jit
def _store(array, at, exists, value):
    tl.store(array + at, value.to(array.dtype.element_ty), mask=exists)


@triton.jit
def _begun(t, exists, PAD: tl.constexpr):
    """Which of what exists is there at a time step: nothing before the first one."""
    if PAD > 0:
        exists = exists & (t >= 0)
    return exists


@triton.jit
def _gain(gain, t, PAD: tl.constexpr):
    """Gain of a time step, 0 before the first one."""
    value = tl.load(gain + t, mask=t >= 0, other=0.0) if PAD > 0 else tl.load(gain + t)
    return value.to(tl.float32)


@triton.jit
def _input(current, once, gain, t, at, row, exists, PAD: tl.constexpr):
    """Current of a time step: read, or what is read once times the gain; 0 before the first step."""
    if gain is None:
        value = _load(current + t * row, at, _begun(t, exists, PAD))
    else:
        value = _gain(gain, t, PAD) * once
    return value


@triton.jit
def forward_kernel(
    current,
    output,
    gain,
    dropout,
    pool_gain,
    pool_dropout,
    count,
    numbers,
    samples,
    REST: tl.constexpr,
    STEP: tl.constexpr,
    FLAGS: tl.constexpr,
    MAPS: tl.constexpr,
    NEURONS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    SEGMENTS: tl.constexpr,
    SEGMENT: tl.constexpr,
    PAD: tl.constexpr,
    BORDER: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the output ``[T, outputs]`` of a current ``[T, neurons]``, and add the number of spikes to `count`."""
    POOL: tl.constexpr = 1 if MAPS is None else MAPS[3]
    row = tl.zeros([], tl.int64) + samples * NEURONS
    output_row = tl.zeros([], tl.int64) + samples * OUTPUTS
    first, factor_at, output_at, output_factor_at, exists, rows, columns = _places(
        samples, MAPS, NEURONS, BORDER, BLOCK
    )
    complete = exists & (rows >= POOL) & (columns >= POOL) if BORDER else exists
    zero = tl.zeros([BLOCK], tl.float32)
    spikes = zero  # LLVM of Triton 3.6 can fail on the sum of integers; below 2^24 this one is exact, too
    once, factor, output_factor = zero, zero, zero
    if pool_dropout is not None:
        output_factor = _load(pool_dropout, output_factor_at, complete)
    states = ()
    for _ in tl.static_range(POOL * POOL):
        states = states + (REST(zero, numbers),)
    for segment in range(SEGMENTS):
        before = segment * SEGMENT - PAD
        sums, states_after = (), ()
        for position in tl.static_range(POOL * POOL):
            state = states[position]
            at, at_factor, there = _position(
                position // POOL, position % POOL, first, factor_at, exists, rows, columns, MAPS, BORDER
            )
            if gain is not None:
                once = _load(current, at, there)
            if dropout is not None:
                factor = _load(dropout, at_factor, there)
            sums_after = ()
            for i in tl.static_range(SEGMENT):
                value = _input(current, once, gain, before + i, at, row, there, PAD)
                result, is_spike, state = STEP(value, state, numbers, FLAGS)
                if count is not None:
                    spikes += tl.where(is_spike, 1.0, 0.0)
                if dropout is not None:
                    result = result * factor
                if position > 0:
                    result = sums[i] + result
                sums_after = sums_after + (result,)
            sums = sums_after
            states_after = states_after + (state,)
        states = states_after
        for i in tl.static_range(SEGMENT):
            result = sums[i]
            if pool_gain is not None:
                result = result * pool_gain
            if pool_dropout is not None:
                result = result * output_factor
            _store(output + (before + i) * output_row, output_at, _begun(before + i, complete, PAD), result)
    if count is not None:
        # A neuron that does not exist has no input, and is silent.
        tl.atomic_add(count, tl.sum(spikes).to(tl.int64))


@triton.jit
def _error(grad_output, t, output_row, at, exists, pool_gain, output_factor, PAD: tl.constexpr, DROPS: tl.constexpr):
    """Error of what a window's neurons put out at a time step; 0 before the first step."""
    error = _load(grad_output + t * output_row, at, _begun(t, exists, PAD))
    if DROPS:
        error = error * output_factor
    if pool_gain is not None:
        error = error * pool_gain
    return error


@triton.jit
def _keep_states(
    current,
    once,
    gain,
    states,
    at,
    row,
    exists,
    numbers,
    REST: tl.constexpr,
    STEP: tl.constexpr,
    FLAGS: tl.constexpr,
    SEGMENTS: tl.constexpr,
    SEGMENT: tl.constexpr,
    PAD: tl.constexpr,
):
    """Write the states before each segment but the first."""
    state = REST(tl.zeros(at.shape, tl.float32), numbers)
    for segment in range(SEGMENTS - 1):
        for i in tl.static_range(SEGMENT):
            value = _input(current, once, gain, segment * SEGMENT - PAD + i, at, row, exists, PAD)
            _, _, state = STEP(value, state, numbers, FLAGS)
        for s in tl.static_range(len(state)):
            tl.store(states + (segment * len(state) + s) * row + at, state[s], mask=exists)


@triton.jit
def backward_kernel(
    grad_output,
    current,
    grad_current,
    states,
    gain,
    dropout,
    pool_gain,
    pool_dropout,
    numbers,
    samples,
    REST: tl.constexpr,
    STEP: tl.constexpr,
    PREPARE: tl.constexpr,
    RECORD: tl.constexpr,
    ADJOINT: tl.constexpr,
    CARRIES: tl.constexpr,
    FLAGS: tl.constexpr,
    MAPS: tl.constexpr,
    NEURONS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    SEGMENTS: tl.constexpr,
    SEGMENT: tl.constexpr,
    PAD: tl.constexpr,
    BORDER: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write dL/dI ``[T, neurons]``, ``[1, neurons]`` with a gain; `states` is float32 scratch for several segments."""
    POOL: tl.constexpr = 1 if MAPS is None else MAPS[3]
    DROPS: tl.constexpr = pool_dropout is not None
    row = tl.zeros([], tl.int64) + samples * NEURONS
    output_row = tl.zeros([], tl.int64) + samples * OUTPUTS
    first, factor_at, output_at, output_factor_at, exists, rows, columns = _places(
        samples, MAPS, NEURONS, BORDER, BLOCK
    )
    complete = exists & (rows >= POOL) & (columns >= POOL) if BORDER else exists
    numbers = PREPARE(numbers, FLAGS)
    zero = tl.zeros([BLOCK], tl.float32)
    once, factor, output_factor = zero, zero, zero
    if DROPS:
        output_factor = _load(pool_dropout, output_factor_at, complete)
    errors = ()  # of all steps, if they are few: the positions of a window share them
    if SEGMENTS == 1:
        for i in tl.static_range(SEGMENT):
            error = _error(grad_output, i, output_row, output_at, complete, pool_gain, output_factor, PAD, DROPS)
            errors = errors + (error,)
    for position in range(POOL * POOL):
        at, at_factor, there = _position(
            position // POOL, position % POOL, first, factor_at, exists, rows, columns, MAPS, BORDER
        )
        if gain is not None:
            once = _load(current, at, there)
        if dropout is not None:
            factor = _load(dropout, at_factor, there)
        if SEGMENTS > 1:
            _keep_states(
                current, once, gain, states, at, row, there, numbers, REST, STEP, FLAGS, SEGMENTS, SEGMENT, PAD
            )
            tl.debug_barrier()  # another thread of the program may read back what this one wrote
        carry = ()
        for _ in tl.static_range(CARRIES):
            carry = carry + (zero,)
        total = zero
        for behind in range(SEGMENTS):
            segment = SEGMENTS - 1 - behind
            before = segment * SEGMENT - PAD
            state = REST(zero, numbers)
            if SEGMENTS > 1:
                again = ()
                for s in tl.static_range(len(state)):
                    kept_state = states + ((segment - 1) * len(state) + s) * row + at
                    again = again + (tl.where(segment > 0, tl.load(kept_state, mask=there & (segment > 0)), state[s]),)
                state = again
            kept = ()
            for i in tl.static_range(SEGMENT):
                value = _input(current, once, gain, before + i, at, row, there, PAD)
                of_step, state = RECORD(value, state, numbers, FLAGS)
                kept = kept + (of_step,)
            for i in tl.static_range(SEGMENT - 1, -1, -1):
                t = before + i
                if SEGMENTS == 1:
                    e = errors[i]
                else:
                    e = _error(grad_output, t, output_row, output_at, complete, pool_gain, output_factor, PAD, DROPS)
                if dropout is not None:
                    e = e * factor
                gradient, carry = ADJOINT(e, kept[i], carry, numbers, FLAGS)
                if gain is None:
                    _store(grad_current + t * row, at, _begun(t, there, PAD), gradient)
                else:
                    total += _gain(gain, t, PAD) * gradient
        if gain is not None:
            _store(grad_current, at, there, total)
