"""A report as plain data, which the files in ``templates`` turn into Markdown and HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import pandas as pd

from reports.claims import Claim
from reports.verdicts import Judgement


@dataclass(frozen=True)
class Note:
    """A paragraph, or the caption of a table or figure.

    Parameters
    ----------
    name : str
        Of the macro in ``notes.md.j2`` that has the words.
    values : mapping
        Arguments of the macro.
    """

    kind: ClassVar[str] = "note"
    name: str
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """A table, every cell ready to print.

    Parameters
    ----------
    columns : tuple of str
        Heads of the columns.
    rows : tuple of tuple of str
        Cells.
    title : str
        Of a table that has a heading to itself.
    caption : Note, optional
        What a reader has to know beside it.
    """

    kind: ClassVar[str] = "table"
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    caption: Note | None = None

    @classmethod
    def of(cls, frame: pd.DataFrame, *, title: str = "", caption: Note | None = None) -> "Table":
        """Return the table of a data frame, without its index."""
        # A cell that is Markdown already, as `markupsafe.Markup`, stays so.
        rows = (tuple(cell if isinstance(cell, str) else str(cell) for cell in row) for row in frame.to_numpy(object))
        return cls(tuple(map(str, frame.columns)), tuple(rows), title, caption)


@dataclass(frozen=True)
class Picture:
    """A figure that lies beside the report.

    Parameters
    ----------
    stem : str
        Of the files, ``<stem>.png`` and ``<stem>.svg``, or ``<stem>.gif``.
    alt : str
        For who cannot see it.
    caption : Note
        What is shown, of how many seeds, and what bars and bands mean.
    animated : bool
        Whether it is a GIF.
    """

    kind: ClassVar[str] = "picture"
    stem: str
    alt: str
    caption: Note
    animated: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """Names of its files; of a figure that is not animated the pixels first."""
        return (f"{self.stem}.gif",) if self.animated else (f"{self.stem}.png", f"{self.stem}.svg")


@dataclass(frozen=True)
class LedgerLine:
    """A claim of the paper on one network, and what the runs say about it, ready to print.

    Parameters
    ----------
    claim : Claim
        What is claimed.
    title : str
        The same in words, with the network.
    judgement : Judgement
        The verdict.
    command : str
        What has to be run to test it.
    ours, terms : str
        Our number and on what terms; empty if nothing was run.
    beside : tuple of str
        What stands beside it: the best test epoch, another configuration, rows that the paper prints of others.
    """

    claim: Claim
    title: str
    judgement: Judgement
    command: str
    ours: str = ""
    terms: str = ""
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ledger:
    """The paper's claims and verdicts; in brief without what stands beside."""

    kind: ClassVar[str] = "ledger"
    lines: tuple[LedgerLine, ...]
    brief: bool = False


Block: TypeAlias = Note | Table | Picture | Ledger


@dataclass(frozen=True)
class Section:
    """A part of a report under a heading of its own."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Report:
    """A whole report.

    Parameters
    ----------
    title : str
        Headline.
    provenance : Note
        Which commands made the runs, how many there are, and in what precision.
    sections : sequence of Section
        In their order.
    """

    title: str
    provenance: Note
    sections: Sequence[Section]

    @property
    def pictures(self) -> list[Picture]:
        """All figures of the report."""
        return [block for section in self.sections for block in section.blocks if isinstance(block, Picture)]
