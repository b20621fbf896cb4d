"""The built website, and a browser to look at it with."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.website.browser import Page, find_chromium, open_browser


@pytest.fixture(scope="session")
def website() -> Path:
    """Folder of the website that ``nox -s docs`` has built."""
    if not (folder := os.environ.get("TSSL_WEBSITE")):
        pytest.skip("needs the website, which nox -s docs builds and tests")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A tab of a headless Chromium that cannot reach the net."""
    if not (program := find_chromium()):
        pytest.skip("needs Chromium, such as Debian's package chromium")
    with open_browser(program, tmp_path_factory.mktemp("browser")) as opened:
        yield opened
