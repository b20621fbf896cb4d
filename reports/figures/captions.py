"""What is said below each figure: what it shows, of how many seeds, and what bars and bands mean."""

import pandas as pd

from baselines.method import is_spiking, method_title
from reports.figures.confusion import run_shown
from reports.figures.cost import MOST_IN_LEGEND
from reports.figures.scales import chosen_time_steps
from reports.load import Results

STRETCHED = "The axis of accuracy is stretched towards 100 %."


def seeds_in_words(runs: pd.DataFrame, mark: str) -> str:
    """Say over how many seeds means are taken, and what `mark`, such as "error bars", stands for."""
    counts = runs.groupby(["method", "time_steps"]).size()
    low, high = counts.min(), counts.max()
    if high == 1:
        return f"One seed each, so there are no {mark}."
    if low == high:
        return f"Mean over {high} seeds; {mark} are one standard deviation."
    return f"Mean over {low} to {high} seeds; {mark} are one standard deviation where there are several."


def _at_chosen_steps(finished: pd.DataFrame, known: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Runs of the T that is shown of which something is known, and which methods have none."""
    steps = chosen_time_steps(finished)
    shown = finished[(finished["time_steps"] == steps) & finished["run_key"].isin(known["run_key"])]
    lacking = sorted({str(name) for name in finished["method"] if is_spiking(str(name))} - set(shown["method"]))
    without = f" Not known of {', '.join(map(method_title, lacking))}." if lacking else ""
    return shown, f"At T = {steps}.{without}"


def of_accuracies(finished: pd.DataFrame, results: Results) -> str:
    """Say what the error bars of accuracies are."""
    del results
    return f"{seeds_in_words(finished, 'error bars')} {STRETCHED}"


def of_methods(finished: pd.DataFrame, results: Results) -> str:
    """Caption of `accuracy_of_methods`."""
    return f"Small dots are runs. {of_accuracies(finished, results)}"


def of_setting(finished: pd.DataFrame, results: Results) -> str:
    """Caption of `accuracy_against_setting`."""
    which = "Methods that were run with several values of one setting, all else equal."
    return f"{which} {of_accuracies(finished, results)}"


def of_anytime(finished: pd.DataFrame, results: Results) -> str:
    """Caption of `accuracy_after_each_step`."""
    known = finished[finished["run_key"].isin(results.anytime["run_key"])]
    shown = known[known["time_steps"] == known.groupby("method")["time_steps"].transform("max")]
    return (
        "Accuracy when the decision is taken from the first t time steps of the output, for each method's runs with "
        f"its largest T. {seeds_in_words(shown, 'bands')} {STRETCHED}"
    )


def of_training(finished: pd.DataFrame, results: Results) -> str:
    """Caption of `training_curves`."""
    del results
    return f"{seeds_in_words(finished, 'bands')} {STRETCHED}"


def _front(finished: pd.DataFrame) -> str:
    what = (
        "of which the methods are named" if finished["method"].nunique() > MOST_IN_LEGEND else "at which T is written"
    )
    return (
        "Lines join the time steps of one method. The dotted line is the Pareto front: nothing that costs no more is "
        f"more accurate than its points, {what}."
    )


def of_latency(finished: pd.DataFrame, results: Results) -> str:
    """Caption of `accuracy_against_cost` with latencies."""
    return f"{_front(finished)} Times are of inference in a batch of 100. {of_accuracies(finished, results)}"


def of_energy(finished: pd.DataFrame, results: Results) -> str:
    """Caption of `accuracy_against_cost` with energy."""
    return (
        f"{_front(finished)} The energy is that of the additions (0.9 pJ) "
        "and multiply-accumulates (4.6 pJ) of one inference in 45 nm, without memory, those of a constant "
        f"image counted once: computed from counts, not measured. {of_accuracies(finished, results)}"
    )


def of_silent(finished: pd.DataFrame, results: Results) -> str:
    """Caption of `silent_fraction_of_layers`."""
    shown, which = _at_chosen_steps(finished, results.layers)
    return (
        "Pairs of a test sample and a neuron without any spike in the whole window, by layer. "
        f"{which} {seeds_in_words(shown, 'error bars')}"
    )


def of_histogram(finished: pd.DataFrame, results: Results) -> str:
    """Caption of `histogram_of_spikes`."""
    shown, which = _at_chosen_steps(finished, results.histogram)
    return (
        "Pairs of a test sample and a hidden neuron by the spikes of the neuron; the axis of shares is logarithmic, "
        f"and shares below 0.01 % are not shown. {which} {seeds_in_words(shown, 'error bars')}"
    )


def of_raster(finished: pd.DataFrame, results: Results) -> str:
    """Caption of `spikes_of_a_sample`."""
    steps = chosen_time_steps(finished)
    shown = finished[(finished["time_steps"] == steps) & finished["run_key"].isin(results.raster["run_key"])]
    rasters = results.raster[results.raster["run_key"].isin(shown["run_key"])]
    samples, seeds = (", ".join(str(value) for value in sorted(set(of))) for of in (rasters["sample"], shown["seed"]))
    return (
        f"Test sample {samples} on its way from the first layer at the bottom to the output at the top: "
        "a row a neuron, at most 100 of a layer, spread evenly over it, whose size is at the left; a filled "
        "cell is a spike. "
        f"At T = {steps}, one run each, of seed {seeds}."
    )


def of_confusion(finished: pd.DataFrame, results: Results) -> str:
    """Caption of `confusion_matrix`."""
    method, steps = run_shown(finished, results.confusion) or ("", 0)
    known = finished[finished["run_key"].isin(results.confusion["run_key"])]
    runs = known[(known["method"] == method) & (known["time_steps"] == steps)]
    added = "of one seed" if len(runs) == 1 else f"added up over {len(runs)} seeds"
    at = f" at T = {steps}" if is_spiking(method) else ""
    return (
        f"Test samples by their class and the decision of {method_title(method)}{at}, {added}; "
        "a decision off the diagonal is wrong."
    )


def of_kernels(kernels: pd.DataFrame) -> str:
    """Caption of `kernel_speed`."""
    machines = ", ".join(sorted({f"{row.processor} with {row.threads} threads" for row in kernels.itertuples()}))
    return (
        "Forward and backward pass of the neurons together, a neuron and time step, beside moving the same bytes. "
        f"Lines join layers of one size, circles are other sizes. Measured by `nox -s bench` on {machines}."
    )
