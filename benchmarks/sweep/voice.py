"""What a command says while it works: a line that is kept up to date on a terminal, elsewhere one now and then."""

import shutil
import sys
import threading
import time
from collections.abc import Callable

SILENCE = 12.0
"""Seconds without a word after which a line is printed where there is no terminal."""

REDRAW = 1.0
"""Seconds after which a line on a terminal is drawn anew."""

CLEAR = "\r\x1b[K"
"""Begin the line of a terminal again."""


class Voice:
    """Says what is going on for as long as the block lasts.

    Parameters
    ----------
    words : callable
        Gives what is to be said, in a line; asked from a thread of its own.
    news : callable
        Whether there is something that is worth drawing the line of a terminal at once.
    terminal : bool
        Whether a person looks at stderr.
    """

    def __init__(self, words: Callable[[], str], news: Callable[[], bool] = lambda: False, *, terminal: bool) -> None:
        self._terminal = terminal
        self.turn_to(words, news)
        self._said = time.monotonic()
        self._lock, self._end = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._talk, name="voice", daemon=True)

    def __enter__(self) -> "Voice":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self._terminal:
            print(CLEAR, end="", file=sys.stderr, flush=True)

    def turn_to(self, words: Callable[[], str], news: Callable[[], bool] = lambda: False) -> None:
        """Speak of something else from now on; arguments as above."""
        self._words, self._news = words, news

    def say(self, text: str) -> None:
        """Print a line that stays, above the one that is kept up to date."""
        with self._lock:
            if self._terminal:
                print(CLEAR, end="", file=sys.stderr, flush=True)
            print(text, flush=True)
            self._said = time.monotonic()

    def _talk(self) -> None:
        pause = REDRAW / 4 if self._terminal else REDRAW
        while not self._end.wait(pause):
            news, silent = self._news(), time.monotonic() - self._said
            if self._terminal and (news or silent >= REDRAW):
                self._draw()
            elif not self._terminal and silent >= SILENCE:
                self.say(self._words())

    def _draw(self) -> None:
        with self._lock:
            room = shutil.get_terminal_size().columns - 1
            print(f"{CLEAR}{self._words()[:room]}", end="", file=sys.stderr, flush=True)
            self._said = time.monotonic()
