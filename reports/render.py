"""Write a report: Markdown and HTML, figures, and the numbers they are made from, in one folder."""

import base64
import json
from pathlib import Path

from reports.contents import environment_facts, report_of, with_classes
from reports.figures.factorial import draw_factor_figures
from reports.figures.gallery import draw_figures
from reports.figures.sequence_gallery import draw_sequence_figures
from reports.latex import LATEX_FILE, report_to_latex
from reports.load import Results
from reports.markdown import figures_in
from reports.model import Picture
from reports.sequences import with_factors, with_target_trains
from reports.templating import report_to_html, report_to_markdown

REPORT_FILE, PAGE_FILE, ENVIRONMENT_FILE = "report.md", "report.html", "environment.json"

MOST_BYTES = 400_000
"""Above that a figure goes into the page as pixels, as drawing so many lines again and again is slow."""

TYPES = {".png": "png", ".svg": "svg+xml", ".gif": "gif"}


def write_report(results: Results, folder: Path, *, title: str, latex: bool = False) -> Path:
    """Write report.md, report.html, the figures and the CSV files; the same bytes for the same results.

    Parameters
    ----------
    results : Results
        What to report.
    folder : Path
        Made if it is not there; files of an earlier report are overwritten, and figures that only it shows are removed.
    title : str
        Headline.
    latex : bool
        Whether the main tables are written for LaTeX, too; once there, they are kept up to date.

    Returns
    -------
    Path
        Of report.md.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / REPORT_FILE
    before = figures_in(path.read_text(encoding="utf-8")) if path.exists() else set()
    results.write(folder)
    report = report_of(
        results,
        title=title,
        figures=draw_figures(with_classes(results), folder),
        sequence_figures=draw_sequence_figures(with_target_trains(results), folder),
        factor_figures=draw_factor_figures(with_factors(results), folder),
    )
    environment = json.dumps(environment_facts(results.runs), indent=2)
    (folder / ENVIRONMENT_FILE).write_text(f"{environment}\n", encoding="utf-8")
    path.write_text(report_to_markdown(report), encoding="utf-8")
    if latex or (folder / LATEX_FILE).exists():
        (folder / LATEX_FILE).write_text(report_to_latex(report), encoding="utf-8")
    for name in before - {name for picture in report.pictures for name in picture.files}:
        (folder / name).unlink(missing_ok=True)
    images = {picture.stem: image_address(picture, folder) for picture in report.pictures}
    (folder / PAGE_FILE).write_text(report_to_html(report, images), encoding="utf-8")
    return path


def image_address(picture: Picture, folder: Path) -> str:
    """Return a figure as an address that holds all of it, so that a page needs nothing beside it."""
    files = [folder / name for name in picture.files]
    drawing = files[-1]
    file = drawing if drawing.stat().st_size <= MOST_BYTES else files[0]
    return f"data:image/{TYPES[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode('ascii')}"
