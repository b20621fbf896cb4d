"""The leaderboard in a browser, opened as a file and without the net: sorted, filtered and followed to its runs."""

from pathlib import Path
from typing import Any

import pytest

from tests.website.browser import Page

COLUMNS = ("Dataset", "Network", "T", "Method", "Training", "Last ten %", "Best %", "n", "Silent", "Energy nJ")


def column(page: Page, title: str) -> list[str]:
    """What stands in a column, from top to bottom."""
    field = f"value{COLUMNS.index(title)}"
    cells: list[str] = page.run(
        f"[...document.querySelectorAll('.tabulator-row [tabulator-field={field}]')].map(cell => cell.innerText.trim())"
    )
    return cells


def head(title: str, what: str) -> str:
    return f".tabulator-col[tabulator-field=value{COLUMNS.index(title)}] {what}"


def numbers(cells: list[str]) -> list[float]:
    """Means of what is known."""
    return [float(cell.partition(" ")[0].strip("%").replace(",", "")) for cell in cells if cell != "-"]


@pytest.fixture
def board(website: Path, page: Page) -> Page:
    """The leaderboard, as it is when it is opened."""
    page.open((website / "leaderboard.html").as_uri())
    page.pause()
    return page


def test_the_page_asks_for_files_only_and_throws_nothing(board: Page) -> None:
    assert board.errors == []
    assert [address for address in board.requests if not address.startswith(("file:", "data:"))] == []


def test_the_columns_are_those_that_were_promised(board: Page) -> None:
    titles = board.run("[...document.querySelectorAll('.tabulator-col-title')].map(head => head.innerText.trim())")
    assert tuple(titles) == COLUMNS


@pytest.mark.parametrize(
    ("title", "first"), [("Last ten %", "falling"), ("Best %", "falling"), ("Energy nJ", "rising")]
)
def test_a_click_on_a_heading_sorts_by_number_and_another_turns_it(board: Page, title: str, first: str) -> None:
    before = numbers(column(board, title))
    orders: dict[str, Any] = {"rising": sorted(before), "falling": sorted(before, reverse=True)}
    assert before not in orders.values()
    board.click(head(title, ".tabulator-col-title"))
    board.pause()
    assert numbers(column(board, title)) == orders.pop(first)
    board.click(head(title, ".tabulator-col-title"))
    board.pause()
    (other,) = orders.values()
    assert numbers(column(board, title)) == other


def test_what_is_not_known_comes_last_in_either_order(board: Page) -> None:
    for _ in range(2):
        board.click(head("Silent", ".tabulator-col-title"))
        board.pause()
        cells = column(board, "Silent")
        assert "-" in cells
        assert set(cells[cells.index("-") :]) == {"-"}


def test_a_dataset_and_a_number_of_steps_are_chosen_from_lists(board: Page) -> None:
    everything = len(column(board, "Dataset"))
    for title, choice in (("Dataset", "FashionMNIST"), ("T", "5")):
        board.click(head(title, "input"))
        board.pause()
        choices = board.run("[...document.querySelectorAll('.tabulator-edit-list-item')].map(item => item.innerText)")
        assert len(choices) == len(set(choices)) > 2
        board.click(f".tabulator-edit-list-item:nth-child({choices.index(choice) + 1})")
        board.pause()
        assert set(column(board, title)) == {choice}
    shown = len(column(board, "Dataset"))
    assert 0 < shown < everything
    assert board.run("document.getElementById('leaderboard-count').innerText") == f"{shown} of {everything} results"
    board.click("#leaderboard-reset")
    board.pause()
    assert len(column(board, "Dataset")) == everything


def test_methods_are_filtered_by_a_part_of_their_name_and_numbers_by_a_bound_as_they_are_printed(board: Page) -> None:
    everything = numbers(column(board, "Best %")), numbers(column(board, "Silent"))
    board.click(head("Method", "input"))
    board.type("tssl-bp")
    board.click(head("Best %", "input"))
    board.type("80")
    board.click(head("Silent", "input"))
    board.type("70")
    assert all("TSSL-BP" in cell for cell in column(board, "Method"))
    assert min(everything[0]) < 80 <= min(numbers(column(board, "Best %")))
    assert max(everything[1]) > 70 >= max(numbers(column(board, "Silent")))


@pytest.mark.parametrize("title", ["Last ten %", "Best %", "n", "Silent", "Energy nJ"])
def test_a_number_leads_to_its_runs_and_to_their_command(board: Page, title: str) -> None:
    link = f".tabulator-row [tabulator-field=value{COLUMNS.index(title)}] a"
    board.open(board.run(f"document.querySelector('{link}').href"))
    section = board.run(
        "{ const all = []; let part = document.getElementById(decodeURIComponent(location.hash.slice(1)));"
        " while ((part = part.nextElementSibling) && part.tagName !== 'H2') all.push(part.innerText); all.join('\\n') }"
    )
    assert "seed" in section
    assert "tssl reproduce " in section


def test_searching_works_without_a_server(website: Path, page: Page) -> None:
    page.open((website / "docs" / "protocol.html").as_uri())
    page.click(".md-search__input")
    page.type("silent")
    page.pause(3000)
    assert page.run("document.querySelectorAll('.md-search-result__item').length") > 0
    assert page.errors == []
