"""Unpacking what others have packed: a few bytes may be told to become more than any disk holds."""

import gzip
import zlib
from io import BytesIO

from benchmarks.errors import DatasetError


def gunzip(content: bytes, *, most: int) -> bytes:
    """Unpack the content of a ``.gz`` file.

    Parameters
    ----------
    content : bytes
        The whole file.
    most : int
        Bytes that it may become; no more than one beyond them is ever unpacked.

    Raises
    ------
    DatasetError
        If it is damaged, or becomes more.
    """
    if not content:
        raise DatasetError("it is damaged: it is empty")
    try:
        with gzip.GzipFile(fileobj=BytesIO(content)) as file:
            unpacked = file.read(most + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DatasetError(f"it is damaged: {error}") from error
    if len(unpacked) > most:
        raise DatasetError(f"it unpacks to more than {most:,} bytes, which nothing in it should")
    return unpacked
