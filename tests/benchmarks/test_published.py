"""The authors' configurations by date: what the file says is what runs."""

import re
from typing import Any

import pytest

from benchmarks.cli.main import main
from benchmarks.config.run import RunConfig
from benchmarks.errors import ConfigError
from benchmarks.study.published import LOSSES, published, published_runs
from benchmarks.study.selection import select_cells
from benchmarks.study.study import Cell, load_study

CELLS = {
    (cell.labels["network"], cell.labels["version"]): cell.config
    for cell in load_study("published", profile="paper").cells
    if cell.config.seed == 0
}


def value_here(config: RunConfig, name: str) -> Any:
    """What a run has for a setting of the file, in the file's words."""
    parameters, gradient = config.parameters, config.parameters["gradient"]
    match name:
        case "initial_weights":
            return config.initial_weights
        case "target_pattern":
            train = config.method_parameters().target_train(5)
            return "".join(str(int(spike)) for spike in train)
        case "filter_passes" | "weight_limit":
            return parameters[name]
        case "gate" | "layer_rate" | "inverse_min" | "inverse_max":
            return gradient[name]
        case "intra_neuron":
            return "reset matrix" if parameters["reset_matrix"] else "recursion" if gradient["intra_neuron"] else "none"
        case "weight_decay" | "grad_clip":
            return getattr(config.optimizer, name)
    raise AssertionError(name)


def test_every_network_has_a_configuration_of_every_version() -> None:
    assert list(CELLS) == [(network, version) for network in published().networks for version in published().versions]
    assert len(CELLS) == 15
    seeds = [cell.config.seed for cell in load_study("published", profile="paper").cells]
    assert seeds == [0, 1, 2, 3, 4] * 15


@pytest.mark.parametrize(("network", "version"), CELLS)
def test_a_run_has_the_settings_that_the_file_says_of_its_version(network: str, version: str) -> None:
    config, settings = CELLS[network, version], published().versions[version].settings
    told = {name: setting.value for name, setting in settings.items()}
    assert told.pop("initial_weights_dense") == "kaiming_normal"
    assert told.pop("early_stopping") == (0 if version == "last" else 50)
    if told["gate"] == "neuron":
        assert "layer_rate" not in told
    assert {name: value_here(config, name) for name in told} == told


@pytest.mark.parametrize(("network", "version"), CELLS)
def test_a_run_has_the_values_of_the_networks_own_file(network: str, version: str) -> None:
    config, values = CELLS[network, version], published().networks[network].versions[version]
    parameters = config.parameters
    assert (config.epochs, config.batch_size, config.time_steps) == (
        values.epochs,
        values.batch_size,
        values.time_steps,
    )
    assert config.optimizer.learning_rate == values.learning_rate
    assert parameters["lif"] == {"tau_m": values.tau_m, "tau_s": values.tau_s, "threshold": 1.0}
    assert parameters["loss"] == LOSSES[values.loss]
    if values.loss == "count":
        assert (parameters["desired_count"], parameters["undesired_count"]) == (
            values.desired_count,
            values.undesired_count,
        )


def test_every_value_has_a_file_and_a_line() -> None:
    everything = published()
    assert set(everything.lines) == set(type(everything.networks["mnist_cnn"].versions["last"]).model_fields)
    names = [set(version.settings) - {"layer_rate"} for version in everything.versions.values()]
    assert names[0] == names[1] == names[2]
    for version in everything.versions.values():
        assert re.fullmatch("[0-9a-f]{40}", version.commit)
        for setting in version.settings.values():
            assert setting.at
            assert all(re.fullmatch(r"[A-Za-z_/]+\.py:[0-9]+", place) for place in setting.at)
    for network in everything.networks.values():
        assert re.fullmatch(r"Networks/\w+\.yaml", network.file)
        assert re.fullmatch("17-[0-9]+", network.layers)


@pytest.mark.parametrize(
    ("network", "study"), [("fashion_mnist_400_400", "fashion_mnist"), ("cifar10_cnn1", "cifar10")]
)
def test_the_last_version_is_the_run_that_other_studies_have_of_it(network: str, study: str) -> None:
    keys = {cell.config.run_key for cell in load_study(study, profile="paper").cells}
    assert CELLS[network, "last"].run_key in keys


def chosen(*conditions: str) -> list[Cell]:
    return list(select_cells(load_study("published", profile="smoke"), conditions).cells)


def test_a_part_is_chosen_by_network_and_version() -> None:
    (cell,) = chosen("network=fashion_mnist_cnn", "version=2020-09")
    assert (cell.config.method, cell.config.parameters["loss"]) == ("tssl_bp:paper-2020-09", "spike_count")
    assert len(chosen("network=mnist_cnn,nmnist_cnn")) == 6
    assert len(chosen("version=2020-09,last", "dataset=fashion_mnist")) == 4


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("version=2020-10", "no run of study published has version=2020-10; there are 2020-06, 2020-09, last"),
        ("versions=last", "unknown key 'versions'; the runs of study published have network, version, dataset"),
    ],
)
def test_a_part_that_there_is_not_is_refused_with_what_there_is(condition: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        chosen(condition)


def test_a_study_may_start_from_some_of_them_and_other_names_are_refused() -> None:
    assert [run["labels"] for run in published_runs({"version": "last", "network": "nmnist_cnn"})] == [
        {"network": "nmnist_cnn", "version": "last"}
    ]
    with pytest.raises(ConfigError, match=r"no published configuration has all of .*; there are networks mnist_cnn"):
        published_runs({"network": "mnist"})


def test_a_plan_lists_the_chosen_part(capsys: pytest.CaptureFixture[str]) -> None:
    part = ["--only", "network=fashion_mnist_cnn", "--only", "version=2020-09"]
    options = ["--dry-run", "--no-estimate", "--tracking-uri", "off"]
    assert main(["sweep", "published", "--profile", "paper", *part, *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert all("tssl_bp:paper-2020-09 T=5" in line for line in lines)


def test_a_profile_and_the_command_line_have_the_last_word_over_a_configuration() -> None:
    for profile, overrides, epochs in (("smoke", [], 1), ("quick", [], 1), ("quick", ["run.epochs=3"], 3)):
        cells = load_study("published", profile=profile, overrides=overrides).cells
        assert {(cell.config.epochs, cell.config.protocol) for cell in cells} == {(epochs, profile)}
