"""Durations: of runs side by side, and in the words that people say."""

import heapq
from collections.abc import Iterable

MINUTE, HOUR, DAY = 60, 3600, 86_400


def makespan(seconds: Iterable[float], at_once: int) -> float:
    """Wall time of runs of which so many run at a time, each begun as soon as there is room, in their order."""
    free_at = [0.0] * at_once
    for duration in seconds:
        heapq.heapreplace(free_at, free_at[0] + duration)
    return max(free_at)


def in_words(seconds: float) -> str:
    """Round a duration to what people say."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * MINUTE:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.1f} h"
    return f"{seconds / DAY:.1f} days"


def range_in_words(low: float, high: float) -> str:
    """``about 8 min to 10 min``, or one duration if both are the same in words; never nothing at all."""
    ends = dict.fromkeys(in_words(max(1.0, seconds)) for seconds in (low, high))
    return f"about {' to '.join(ends)}"
