"""Counts what was attacked and what held, and prints the table at the end."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tabulate import tabulate

TALLIES = pytest.StashKey[dict[str, "Tally"]]()


@dataclass
class Tally:
    """How often something was tried, and what did not hold."""

    tried: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, what: str, failure: str | None = None) -> None:
        """Count a try, and why it did not hold."""
        self.tried += 1
        if failure is not None:
            self.failures.append(f"{what}: {failure}")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TALLIES] = {}


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Of one attack, which is called as its test is; the test fails if anything did not hold."""
    mine = Tally()
    request.config.stash[TALLIES][request.node.name.removeprefix("test_").replace("_", " ")] = mine
    yield mine
    assert mine.failures == []


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    rows = [(name, mine.tried, mine.tried - len(mine.failures)) for name, mine in config.stash[TALLIES].items()]
    terminalreporter.section("attacks")
    terminalreporter.write_line(tabulate(rows, ("attack", "tried", "held"), tablefmt="pipe"))
