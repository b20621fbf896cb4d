"""The tables of docs/atlas.md: what the authors' code had set at which date, each value with its place there."""

from collections.abc import Iterable, Mapping

import pandas as pd
from markupsafe import Markup

from benchmarks.study.published import Published, PublishedNetwork, Version, published
from reports.markdown import code, join_words, link
from reports.model import Table
from reports.templating import call_macro, frame_to_markdown

SETTINGS: Mapping[str, str] = {
    "initial_weights": "initial weights of convolutions, times the weight scale",
    "initial_weights_dense": "initial weights of fully connected layers, times the weight scale",
    "target_pattern": "target of the true class, T = 5 (kernel loss)",
    "filter_passes": "how often the target is filtered (kernel loss)",
    "gate": "where the surrogate takes the place of spike times",
    "layer_rate": "share of spikes up to which a layer takes it",
    "inverse_min": "lower clamp of the inverse slope",
    "inverse_max": "upper clamp of the inverse slope",
    "intra_neuron": "intra-neuron term",
    "weight_decay": "weight decay of AdamW (PyTorch's default)",
    "grad_clip": "norm to which the gradient is clipped",
    "weight_limit": "weights are within plus or minus",
    "early_stopping": "epochs without a better test accuracy that end a training",
}
"""Settings of a version in words, in the order of the table."""

VALUES: Mapping[str, str] = {
    "epochs": "epochs",
    "batch_size": "batch size",
    "time_steps": "T",
    "learning_rate": "learning rate",
    "loss": "loss",
    "desired_count": "desired count (count loss)",
    "undesired_count": "undesired count (count loss)",
    "tau_m": "tau_m",
    "tau_s": "tau_s",
}
"""Values of a network's file in words."""


def atlas_blocks() -> dict[str, str]:
    """The versions, what each has for all networks, and one table of all networks."""
    everything = published()
    networks = {
        name: {
            "dataset": network.dataset,
            "architecture": network.architecture,
            "table": Table.of(_of_network(everything, network)),
        }
        for name, network in everything.networks.items()
    }
    return {
        "versions": frame_to_markdown(_versions(everything)),
        "settings": frame_to_markdown(_settings(everything)),
        "networks": call_macro("documents.md.j2", "networks", networks=networks),
    }


def _frame(rows: Iterable[Mapping[str, str]]) -> pd.DataFrame:
    """Keep Markdown what is Markdown: pandas makes plain text of a column of texts."""
    return pd.DataFrame(list(rows), dtype=object)


def _versions(everything: Published) -> pd.DataFrame:
    return _frame(
        {
            "version": code(name),
            "date": version.date.isoformat(),
            "commit": link(code(version.short), f"{everything.repository}/tree/{version.commit}"),
            "known as": version.about,
            "gradient and target here": code(version.method),
        }
        for name, version in everything.versions.items()
    )


def _settings(everything: Published) -> pd.DataFrame:
    return _frame(
        {
            "setting": words,
            **{name: _setting(everything, version, key) for name, version in everything.versions.items()},
        }
        for key, words in SETTINGS.items()
    )


def _setting(everything: Published, version: Version, key: str) -> str:
    setting = version.settings.get(key)
    if setting is None:
        return "-"
    value = "none" if key == "early_stopping" and not setting.value else setting.value
    places = [link(place, _address(everything, version, *place.split(":"))) for place in setting.at]
    return Markup("{} ({})").format(value, join_words(places))


def _of_network(everything: Published, network: PublishedNetwork) -> pd.DataFrame:
    layers = {"value": "layers", "line": network.layers}
    for name in network.versions:
        version = everything.versions[name]
        layers[name] = link(network.file, _address(everything, version, network.file, network.layers))
    rows = [
        {
            "value": words,
            "line": str(everything.lines[key]),
            **{name: f"{getattr(values, key):g}" if key != "loss" else values.loss for name, values in found},
        }
        for found in [list(network.versions.items())]
        for key, words in VALUES.items()
    ]
    return _frame([layers, *rows])


def _address(everything: Published, version: Version, file: str, lines: str) -> str:
    first, _, last = lines.partition("-")
    return f"{everything.repository}/blob/{version.short}/{file}#L{first}" + (f"-L{last}" if last else "")
