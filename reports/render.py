"""Write a report: Markdown, figures and the numbers they are made from, in one folder."""

from pathlib import Path

import pandas as pd

from benchmarks.datasets.dataset import available_datasets
from reports import figures
from reports.load import Results
from reports.published import published_results
from reports.tables import comparison_table, published_table, unfinished_table
from tssl_core.architecture import parse_architecture

REPORT_FILE = "report.md"
ENVIRONMENT = ("commit", "backend", "device", "processor", "cores", "threads", "platform", "python", "torch")
DATA = ("data_source", "data_checksum")

READING = """\
*Last epoch* is the test accuracy after the last epoch. *Best epoch* is the highest test accuracy over all epochs: the
paper counts so, which chooses by the test set and is biased upwards. Both are mean ± standard deviation over n seeds.
*Difference* is our best-epoch mean less the published mean, or less the best where no mean was published, in
percentage points; it is a test of the paper only where the number of epochs is the published one. *Silent* is the
fraction of pairs of a test sample and a hidden neuron without a single spike. *ms/sample* is inference in a batch of
100. A method without spikes has no T."""

PUBLISHED_READING = """\
None of these numbers is ours. *Here* says whether this study has a finished run of the same method, network and T,
beside which the comparison sets the first such row; what is *published only* has none. *Seen* was checked in the
source named, *from memory* was not. Other networks are listed for orientation and do not compare."""

ANYTIME = """\
Accuracy when the decision is taken from the first t time steps of the output, for each method's runs with its largest
T; mean over seeds with a band of one standard deviation."""


def write_report(results: Results, folder: Path, *, title: str) -> Path:
    """Write report.md, its figures and its CSV files.

    Parameters
    ----------
    results : Results
        What to report.
    folder : Path
        Made if it is not there; files of an earlier report are overwritten.
    title : str
        Headline.

    Returns
    -------
    Path
        Of report.md.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder)
    parts = [f"# {title}", _summary(results)]
    if results.finished.empty:
        parts.append("No run has finished yet.")
    else:
        parts += ["## Comparison", markdown(comparison_table(results.finished)), READING]
        parts += _figures(results, folder)
    parts += _published(results)
    unfinished = unfinished_table(results.runs)
    if not unfinished.empty:
        parts += ["## Runs without a result", markdown(unfinished)]
    parts += ["## Environment", markdown(_facts(results.runs))]
    path = folder / REPORT_FILE
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _summary(results: Results) -> str:
    protocols = ", ".join(sorted(results.runs["protocol"].dropna().unique()))
    counts = results.runs["status"].value_counts()
    runs = ", ".join(f"{counts[status]} {status}" for status in sorted(counts.index))
    commands = ", then ".join(f"`{command}`" for command in dict.fromkeys(results.runs["command"].dropna()))
    return f"Made by {commands or 'an unknown command'}. Protocol: {protocols}. Runs: {runs}."


def _dataset_title(name: str) -> str:
    known = available_datasets()
    return known[name].title if name in known else name


def _figures(results: Results, folder: Path) -> list[str]:
    """Draw the figures of each dataset, and apart for each network and protocol, as only equal ones compare."""
    parts = []
    for dataset, of_dataset in results.finished.groupby("dataset", sort=True):
        name, dataset_title = str(dataset), _dataset_title(str(dataset))
        groups = list(of_dataset.groupby(["architecture", "protocol", "epochs"], sort=True))
        for number, (group, finished) in enumerate(groups, start=1):
            file, title = name, dataset_title
            if len(groups) > 1:
                file, title = f"{name}_{number}", "{} {}, {}, {} epochs".format(dataset_title, *group)
            parts += _figures_of(finished, results, folder, file, title)
    return parts


def _figures_of(finished: pd.DataFrame, results: Results, folder: Path, file: str, title: str) -> list[str]:
    """Draw the figures of runs that compare; `results` has their epochs and time steps."""
    if figures.time_steps_of(finished).size > 1:
        accuracy_file, heading = f"{file}_time_steps.png", "Accuracy against time steps"
        figures.accuracy_against_time_steps(finished, folder / accuracy_file)
    else:
        accuracy_file, heading = f"{file}_accuracy.png", "Accuracy"
        figures.accuracy_of_methods(finished, folder / accuracy_file)
    parts = _figure(heading, title, accuracy_file)
    anytime_file, curves_file = f"{file}_anytime.png", f"{file}_training.png"
    if figures.accuracy_after_each_step(finished, results.anytime, folder / anytime_file):
        parts += [*_figure("Accuracy after each time step", title, anytime_file), ANYTIME]
    figures.training_curves(finished, results.epochs, folder / curves_file)
    return parts + _figure("Training curves", title, curves_file)


def _figure(heading: str, title: str, file: str) -> list[str]:
    return [f"## {heading}: {title}", f"![{heading} on {title}]({file})"]


def _published(results: Results) -> list[str]:
    """A table of published results for each network of the study, and one for the other networks of each dataset."""
    parts: list[str] = []
    for dataset, runs in results.runs.groupby("dataset", sort=True):
        rows = [row for row in published_results() if row.dataset == dataset]
        networks = sorted({parse_architecture(architecture).plain for architecture in runs["architecture"]})
        groups = {network: [row for row in rows if row.architecture == network] for network in networks}
        groups["other networks"] = [row for row in rows if row.architecture not in networks]
        finished = results.finished[results.finished["dataset"] == dataset]
        for name, group in groups.items():
            if group:
                parts += [
                    f"## Published results: {_dataset_title(str(dataset))}, {name}",
                    markdown(published_table(group, finished)),
                ]
    return [*parts, PUBLISHED_READING] if parts else ["## Published results", "None are known for these datasets."]


def _facts(runs: pd.DataFrame) -> pd.DataFrame:
    """Every value that occurs of each environment fact, as runs of one study may come from several machines."""
    rows = []
    for key in ENVIRONMENT:
        values = sorted({str(value) for value in runs[key].dropna()})
        rows.append({"fact": key, "value": ", ".join(values)})
    for key in DATA:
        pairs = sorted({(str(d), str(value)) for d, value in zip(runs["dataset"], runs[key], strict=True)})
        rows.append({"fact": key, "value": ", ".join(f"{dataset}: {value}" for dataset, value in pairs)})
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """Print a table as Markdown, every value as it stands."""
    escaped = table.map(lambda value: str(value).replace("|", "\\|"))
    return escaped.to_markdown(index=False, disable_numparse=True)
