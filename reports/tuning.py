"""``tssl tune`` with a figure of held-out accuracy against trials, and a table of who is better when tuned alike."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.cli.tune import tune
from benchmarks.cli.tune_options import TuneOptions
from benchmarks.config.nested import flatten
from benchmarks.study.tuned import Tuned, best_so_far, best_trial, read_tuned
from reports.cells import percent
from reports.figures.panels import draw_methods
from reports.figures.scales import stretch
from reports.figures.style import save, style_of
from reports.load import LATE
from reports.markdown import code, escape_markdown
from reports.published import METHOD
from reports.statistics import paired_difference
from reports.tables import comparison_table, difference_table
from reports.tables.cells import NOTHING, called_in_words
from reports.tables.differences import WORDS
from reports.templating import frame_to_markdown
from reports.titles import method_title

FIGURE, PAGE_FILE = "tuning", "tuning.md"
TESTED = "test_accuracy"

TRIALS = """\
Trials are draws of a scrambled Sobol' sequence, from the learning rate and from what the method declares for its
`search_space`. They are judged after the last epoch, and none saw the test set."""

READING = """\
Accuracies in percent, mean ± standard deviation. The winner of each method was trained again with *n* seeds that no
trial had (its *confirmation*), and judged by the test set after the last epoch. *Held out* is the highest of all
trials, and by that choice too high; the next column is the number of that trial. Differences are seed by seed, with
95 % t intervals that are not corrected; *after correction* for the rows of the table, which are one family, *within the
seeds' spread* says that no difference is shown, even if the interval excludes 0."""


def tune_command(options: TuneOptions) -> int:
    """Search, confirm, and show both."""
    exit_code, path = tune(options)
    if path is not None:
        print(f"report: {write_tuning(read_tuned(path), path.parent).resolve()}")
    return exit_code


def write_tuning(tuned: Tuned, folder: Path) -> Path:
    """Write the page of what was found, with its figure, into a folder, and return its path."""
    save(tuning_curves(tuned), folder, FIGURE)
    path = folder / PAGE_FILE
    path.write_text(page_of(tuned), encoding="utf-8")
    return path


def tuning_curves(tuned: Tuned) -> Figure:
    """Draw the best held-out accuracy after each trial, by method; trials without a result stand at the one before."""
    trials = np.arange(1, tuned.trials + 1)

    def draw(axes: Axes, name: str) -> None:
        best = 100 * np.array(best_so_far(tuned.accuracies[name]))
        # Corners and all, as panels draw these points in grey behind other methods.
        corners = np.repeat(trials, 2)[1:], np.repeat(best, 2)[:-1]
        axes.plot(*corners, color=style_of(name).color, label=method_title(name))

    def finish(axes: Axes) -> None:
        stretch(axes)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))

    return draw_methods(
        sorted(tuned.methods, key=method_title),
        draw,
        finish,
        xlabel="trials",
        ylabel="best accuracy on held-out samples (%)",
    )


def tuning_table(tuned: Tuned) -> pd.DataFrame:
    """Set winners side by side, the most accurate on the test set first.

    Parameters
    ----------
    tuned : Tuned
        What came of a search.

    Returns
    -------
    DataFrame
        A row a method: its best trial, its settings, mean and standard deviation over fresh seeds, and the difference
        from `METHOD` seed by seed, with what is called of it.
    """
    confirmed = {name: _confirmed(tuned, name) for name in tuned.accuracies}
    names = sorted(confirmed, key=lambda name: -confirmed[name][TESTED].mean() if len(confirmed[name]) else math.inf)
    reference = _confirmed(tuned, METHOD)
    differences = [None if name == METHOD else paired_difference(confirmed[name], reference, TESTED) for name in names]
    rows = [_row(tuned, name, confirmed[name][TESTED]) for name in names]
    for row, found, words in zip(rows, differences, called_in_words(differences), strict=True):
        row[f"minus {method_title(METHOD)}, points"] = NOTHING if found is None else str(found.times(100))
        row[WORDS] = words
    return pd.DataFrame(rows)


def whole_training_table(finished: pd.DataFrame) -> pd.DataFrame:
    """Set winners that were trained to the end side by side, the most accurate over the last ten epochs first.

    Parameters
    ----------
    finished : DataFrame
        Runs of one dataset, network and T, the winner's alone of each method, see `reports.load.Results`.
    """
    in_order = finished.groupby("method")[LATE].mean().sort_values(ascending=False).index.map(method_title)
    accuracy = comparison_table(finished).set_index("method")[["n", "last ten %", "best epoch %"]]
    differences = difference_table(finished).set_index("method")[["last ten epochs, points", WORDS]]
    renamed = differences.set_axis([f"last ten minus {method_title(METHOD)}'s, points", WORDS], axis=1)
    return accuracy.join(renamed).loc[in_order].fillna(NOTHING).reset_index()


def _confirmed(tuned: Tuned, name: str) -> pd.DataFrame:
    """The confirmations of a method that have a result, each with its number, which is that of its seed."""
    accuracies = pd.Series(tuned.confirmed.get(name, []), name=TESTED, dtype=float)
    return accuracies.rename_axis("seed").reset_index().dropna()


def _row(tuned: Tuned, name: str, confirmed: pd.Series) -> dict[str, object]:
    accuracies = tuned.accuracies[name]
    best, settings = best_trial(accuracies), flatten(tuned.methods.get(name, {}))
    return {
        "method": method_title(name),
        "test accuracy": percent(confirmed) if len(confirmed) else NOTHING,
        "n": len(confirmed),
        "held out": NOTHING if best is None else f"{100 * accuracies[best]:.2f}",
        "number of the best trial": NOTHING if best is None else f"{best + 1} of {len(accuracies)}",
        "trials without a result": int(np.isnan(accuracies).sum()),
        "settings": ", ".join(f"{key.partition('.')[2]} = {value}" for key, value in settings) or NOTHING,
    }


def page_of(tuned: Tuned) -> str:
    """Return the page as Markdown."""
    return "\n\n".join((f"# {escape_markdown(tuned.study)}, all methods tuned alike", body_of(tuned))) + "\n"


def body_of(tuned: Tuned) -> str:
    """Return what the page has below its title."""
    about = f"{tuned.trials} trials of each method, judged by {tuned.held_out:,} samples held out of the training set."
    parts = (
        f"Made by {code(tuned.command)}. {about} {TRIALS}",
        f"![Best accuracy on held-out samples against trials]({FIGURE}.png)",
        READING,
        frame_to_markdown(tuning_table(tuned)),
    )
    return "\n\n".join(parts)
