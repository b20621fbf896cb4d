"""Times that can be compared: all functions in turn, so that they share the machine's moods."""

import time
from collections.abc import Callable, Mapping
from statistics import median

ROUNDS = 15


def interleaved_medians(functions: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median milliseconds of each function over `ROUNDS` rounds, after one that does not count.

    Parameters
    ----------
    functions : mapping
        By name; each is called once a round, in this order.
    """
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for round_ in range(ROUNDS + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if round_ > 0:
                seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * median(values) for name, values in seconds.items()}
