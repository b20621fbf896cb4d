"""How long a sweep still takes: what was expected, corrected by what the runs so far have taken."""

import heapq
from collections.abc import Iterable, Mapping

from benchmarks.executors.executor import Outcome

MINUTE, HOUR, DAY = 60, 3600, 86_400


class Progress:
    """What is left of a sweep.

    Parameters
    ----------
    expected : mapping
        Seconds by run key, in the order of the runs; empty if nothing is known.
    at_once : int
        Runs at a time.
    """

    def __init__(self, expected: Mapping[str, float], at_once: int) -> None:
        self._left = dict(expected)
        self._at_once = at_once
        self._expected = self._measured = 0.0

    def ended(self, run_key: str, outcome: Outcome) -> None:
        """Take a run off, and learn from its time if it has run to its end."""
        expected = self._left.pop(run_key, 0.0)
        if outcome.status == "finished" and expected:
            self._expected += expected
            self._measured += outcome.seconds

    def seconds(self) -> float:
        """Seconds that the runs left are likely to take; those in progress count in full."""
        correction = self._measured / self._expected if self._expected else 1.0
        return correction * makespan(self._left.values(), self._at_once)

    def left(self) -> str:
        """Return the same for the end of a line, or nothing if nothing is known or left."""
        return f"; about {in_words(self.seconds())} left" if self._left else ""


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
