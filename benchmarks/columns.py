"""Text in columns, for a terminal."""

from collections.abc import Iterable


def in_columns(rows: Iterable[Iterable[str]]) -> str:
    """Put rows below each other, each cell as wide as the widest of its column."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
