"""Every link of the website leads to a file that is there, and nothing is taken from elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

LOADED = {"link": "href", "script": "src", "img": "src", "source": "src", "iframe": "src"}
"""What a browser fetches by itself."""


@dataclass
class Found(HTMLParser):
    """Links of a page, what it loads, and the places in it to which links may lead."""

    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value for name, value in attrs if value}
        self.places |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag in LOADED and LOADED[tag] in values:
            self.loaded.append(values[LOADED[tag]])


def read(page: Path) -> Found:
    found = Found()
    found.feed(page.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def pages(website: Path) -> Mapping[Path, Found]:
    return {path: read(path) for path in sorted(website.rglob("*.html")) if path.name != "404.html"}


def is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.scheme or parts.netloc)


def dead_links(pages: Mapping[Path, Found]) -> Iterator[str]:
    for path, found in pages.items():
        for address in [*found.links, *found.loaded]:
            if is_elsewhere(address):
                continue
            parts = urlsplit(address)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            if not target.is_file():
                yield f"{path}: {address}"
            elif place and target in pages and place not in pages[target].places:
                yield f"{path}: {address} has no such place"


def test_every_link_leads_to_a_file_and_a_place_that_are_there(pages: Mapping[Path, Found]) -> None:
    assert len(pages) > 30
    assert list(dead_links(pages)) == []


def test_nothing_that_a_page_shows_is_fetched_from_elsewhere(pages: Mapping[Path, Found]) -> None:
    assert {str(path): found.loaded for path, found in pages.items() if any(map(is_elsewhere, found.loaded))} == {}


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    first, second = tmp_path / "first.html", tmp_path / "second.html"
    first.write_text('<a href="second.html#here"><a href="second.html#gone"><a href="third.html"><img src="no.png">')
    second.write_text('<p id="here">')
    found = [line.partition(": ")[2] for line in dead_links({path: read(path) for path in (first, second)})]
    assert found == ["second.html#gone has no such place", "third.html", "no.png"]
