"""A table of a report that was cut or changed is not reported on."""

import json
from pathlib import Path

import pandas as pd
import pytest

from reports.claims import read_claims
from reports.load import ReportError, Results, results_from_csv
from reports.manifest import MANIFEST_FILE
from reports.published import published_results, read_published
from tests.reports.made import results_of, run_row


@pytest.fixture
def written(tmp_path: Path) -> Results:
    """Results of two runs, written into the folder of the test."""
    results = results_of(run_row(), run_row(seed="1"))
    results.write(tmp_path)
    return results


def test_the_tables_of_a_report_are_listed_with_rows_and_checksum_and_read_as_they_are(
    written: Results, tmp_path: Path
) -> None:
    listed = json.loads((tmp_path / MANIFEST_FILE).read_text())
    assert {name: facts["rows"] for name, facts in listed.items()} == {
        "results.csv": 2,
        "epochs.csv": 6,
        "anytime.csv": 10,
    }
    pd.testing.assert_frame_equal(results_from_csv(tmp_path, "made").epochs, written.epochs)


@pytest.mark.parametrize("name", ["results.csv", "epochs.csv", "anytime.csv"])
@pytest.mark.parametrize("end", [-300, -1, 0])
def test_a_table_that_was_cut_is_named_even_at_the_end_of_a_row(
    written: Results, tmp_path: Path, name: str, end: int
) -> None:
    path = tmp_path / name
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines)[:end] if end else b"".join(lines[:-1]))
    with pytest.raises(
        ReportError, match=rf"{name} is not the file .* cut or changed; restore it, or write the report"
    ):
        results_from_csv(tmp_path, "made")


def test_a_table_that_is_gone_or_a_list_that_is_damaged_is_named(written: Results, tmp_path: Path) -> None:
    (tmp_path / "anytime.csv").unlink()
    with pytest.raises(ReportError, match=r"anytime\.csv cannot be read .* is listed with 10 rows"):
        results_from_csv(tmp_path, "made")
    for content in (b"{", b"[]", b'{"a": 1}', b"\xff"):
        (tmp_path / MANIFEST_FILE).write_bytes(content)
        with pytest.raises(ReportError, match=r"tables\.json is damaged"):
            results_from_csv(tmp_path, "made")


def test_without_a_list_a_table_that_ends_within_a_row_is_named(written: Results, tmp_path: Path) -> None:
    (tmp_path / MANIFEST_FILE).unlink()
    assert len(results_from_csv(tmp_path, "made").runs) == 2
    path = tmp_path / "epochs.csv"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ReportError, match=r"epochs\.csv ends within a row: it was cut"):
        results_from_csv(tmp_path, "made")


def test_a_raster_that_was_cut_is_named(written: Results, tmp_path: Path) -> None:
    (tmp_path / MANIFEST_FILE).unlink()
    head = "run_key,sample,label,decision,layer,neurons,neuron,spikes\n"
    for row in (
        "k,0,1,1,l,10,3,0101\nk,0,1,1,l,10,\n",
        "k,0,1,1,l,10,3,0101\nk,0,1,1,l,10,4,01\n",
        "k,0,1,1,l,10,4,7\n",
    ):
        (tmp_path / "raster.csv").write_text(head + row)
        with pytest.raises(ReportError, match=r"raster\.csv .*expected .*0.*1"):
            results_from_csv(tmp_path, "made")


def test_two_reports_into_a_folder_leave_the_list_of_the_second(written: Results, tmp_path: Path) -> None:
    results_of(run_row()).write(tmp_path)
    assert len(results_from_csv(tmp_path, "made").runs) == 1


@pytest.mark.parametrize("text", ["", "x = 1", "result = 3\nclaim = 3", "[[result", "result = []\nclaim = []"])
def test_a_file_of_published_results_or_claims_that_is_empty_or_broken_is_named(text: str) -> None:
    with pytest.raises(ReportError, match=r"^published\.toml .*\[\[result\]\]"):
        read_published(text)
    with pytest.raises(ReportError, match=r"^claims\.toml .*\[\[claim\]\]"):
        read_claims(text)


def test_a_broken_file_of_published_results_is_not_blamed_on_a_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    published_results.cache_clear()
    monkeypatch.setattr("reports.published.read_published", lambda _text: read_published(""))
    claim = "[[claim]]\nid = 'x'\ntext = 'x'\nrun = 'x'\nkind = 'accuracy'\nresult = 'mnist'\n"
    with pytest.raises(ReportError, match=r"^published\.toml "):
        read_claims(claim)
    published_results.cache_clear()
