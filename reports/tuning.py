"""``tssl tune`` with a figure of held-out accuracy against trials, and a table of who is better when tuned alike."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from baselines.method import method_title
from benchmarks.cli.tune import Tuning, tune
from benchmarks.cli.tune_options import TuneOptions
from benchmarks.config.nested import flatten
from benchmarks.study.tuned import Tuned, best_so_far, best_trial
from reports.cells import percent
from reports.figures.panels import draw_methods
from reports.figures.scales import stretch
from reports.figures.style import save, style_of
from reports.markdown import code, escape_markdown
from reports.tables.cells import NOTHING
from reports.templating import frame_to_markdown

FIGURE, PAGE_FILE = "tuning", "tuning.md"

TRIALS = """\
Trials are draws of a scrambled Sobol' sequence, from the learning rate and from what the method declares for its
`search_space`. They are judged after the last epoch, and none saw the test set."""

READING = """\
Accuracies in percent, mean ± standard deviation. The winner of each method was trained again with *n* seeds that no
trial had, and judged by the test set. *Held out* is the highest of all trials, and by that choice too high."""


def tune_command(options: TuneOptions) -> int:
    """Search, confirm, and show both."""
    exit_code, tuning = tune(options)
    if tuning is not None:
        print(f"report: {write_tuning(tuning).resolve()}")
    return exit_code


def write_tuning(tuning: Tuning) -> Path:
    """Write the page with its figure beside the file of what was found, and return its path."""
    save(tuning_curves(tuning.tuned), tuning.folder, FIGURE)
    path = tuning.folder / PAGE_FILE
    path.write_text(page_of(tuning), encoding="utf-8")
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


def tuning_table(tuning: Tuning) -> pd.DataFrame:
    """Set winners side by side, the most accurate on the test set first.

    Parameters
    ----------
    tuning : Tuning
        What came of a search.

    Returns
    -------
    DataFrame
        A row a method: its best trial, its settings, and mean and standard deviation over fresh seeds.
    """
    rows = []
    for name, accuracies in tuning.tuned.accuracies.items():
        best, confirmed = best_trial(accuracies), pd.Series(tuning.confirmed.get(name, []), dtype=float)
        settings = flatten(tuning.tuned.methods.get(name, {}))
        rows.append(
            {
                "method": method_title(name),
                "test accuracy": percent(confirmed) if len(confirmed) else NOTHING,
                "n": len(confirmed),
                "held out": NOTHING if best is None else f"{100 * accuracies[best]:.2f}",
                "best trial": NOTHING if best is None else f"{best + 1} of {len(accuracies)}",
                "without a result": int(np.isnan(accuracies).sum()),
                "settings": ", ".join(f"{key.partition('.')[2]} = {value}" for key, value in settings) or NOTHING,
                "order": -confirmed.mean() if len(confirmed) else np.inf,
            }
        )
    return pd.DataFrame(rows).sort_values("order", kind="stable").drop(columns="order").reset_index(drop=True)


def page_of(tuning: Tuning) -> str:
    """Return the page as Markdown."""
    tuned = tuning.tuned
    about = f"{tuned.trials} trials of each method, judged by {tuned.held_out:,} samples held out of the training set."
    parts = (
        f"# {escape_markdown(tuned.study)}, all methods tuned alike",
        f"Made by {code(tuned.command)}. {about} {TRIALS}",
        f"![Best accuracy on held-out samples against trials]({FIGURE}.png)",
        READING,
        frame_to_markdown(tuning_table(tuning)),
    )
    return "\n\n".join(parts) + "\n"
