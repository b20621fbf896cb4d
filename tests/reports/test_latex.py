"""Tables for LaTeX: the numbers of the report, and nothing that LaTeX would take for something else."""

import re
from pathlib import Path

import pytest

from reports.contents import report_of
from reports.latex import escape_latex, report_to_latex
from reports.load import results_from_csv
from reports.model import Note, Report, Section, Table
from reports.render import write_report
from tests.reports.made import results_of, run_row

RENDERED = Path(__file__).parents[2] / "reports" / "rendered"
ESCAPED = re.compile(r"\\[#$%&_{}\\]")


def check_syntax(text: str) -> None:
    """Environments and braces close in their order, and rows have as many cells as their table has columns."""
    open_environments: list[str] = []
    columns = 0
    for line in text.splitlines():
        if line.startswith("%"):
            continue
        for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", line):
            if kind == "begin":
                open_environments.append(name)
            else:
                assert open_environments.pop() == name
        if found := re.match(r"\\begin\{tabular\}\{(l+)\}", line):
            columns = len(found[1])
        if line.endswith(r" \\"):
            assert ESCAPED.sub("", line.removesuffix(r" \\")).count("&") == columns - 1, line
        rest = ESCAPED.sub("", line)
        assert rest.count("{") == rest.count("}"), line
        assert rest.count("$") % 2 == 0, line
        assert not re.search(r"[%#_~^]", rest), line
        assert "_" not in rest
    assert open_environments == []


@pytest.mark.parametrize("study", ["mnist", "published"])
def test_the_tables_of_a_committed_report_are_well_formed_and_have_its_numbers(study: str) -> None:
    report = report_of(results_from_csv(RENDERED / study, study), title=study)
    text = report_to_latex(report)
    check_syntax(text)
    assert text.isascii()
    (matrix,) = (section.blocks[0] for section in report.sections if section.title == "Methods by T")
    assert isinstance(matrix, Table)
    for cells in matrix.rows:
        assert " & ".join(map(escape_latex, cells)) + r" \\" in text
    assert r"$\pm$" in text
    assert r"\caption{Methods by T: " in text
    assert "Environment" not in text


def test_the_claims_are_written_with_their_verdicts() -> None:
    study = "fashion_mnist_mlp"
    text = report_to_latex(report_of(results_from_csv(RENDERED / study, study), title=study))
    check_syntax(text)
    assert r"claim & claimed & ours & difference & verdict \\" in text
    assert re.search(r"^FashionMNIST, 400-400.*& (reproduced|undecided|not reproduced) \\\\$", text, re.MULTILINE)


def test_whatever_a_run_is_called_is_printed_as_it_is() -> None:
    name = r"50% of a_b & {c} #1 $x$ ~ ^ \input{x} <|> [1*] ± 2 ★"
    report = Report(name, Note("matrix"), [Section("Accuracy", [Table((name,), ((name,),), title=name)])])
    text = report_to_latex(report)
    check_syntax(text)
    escaped = (
        r"50\% of a\_b \& \{c\} \#1 \$x\$ \textasciitilde{} \textasciicircum{} \textbackslash{}input\{x\} "
        r"$<$$|$$>$ {[}1{*}] $\pm$ 2 $\star$"
    )
    assert f"\n{escaped} \\\\\n\\midrule\n{escaped} \\\\\n" in text
    assert f"\\caption{{Accuracy: {escaped}}}" in text


@pytest.mark.usefixtures("blank_figures")
def test_a_report_has_the_file_only_on_request_and_then_keeps_it_up_to_date(tmp_path: Path) -> None:
    file = tmp_path / "tables.tex"
    write_report(results_of(run_row()), tmp_path, title="Made")
    assert not file.exists()
    write_report(results_of(run_row()), tmp_path, title="Made", latex=True)
    before = file.read_text()
    write_report(results_of(run_row(accuracy_last=0.5)), tmp_path, title="Made")
    assert file.read_text() != before
