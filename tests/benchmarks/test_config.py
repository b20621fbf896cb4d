"""Configurations and studies: what is valid, what is refused and how, what makes a run key."""

from pathlib import Path
from typing import Any

import pytest

from baselines.method import get_method
from benchmarks.config.nested import parse_override, read_toml
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.defaults import PROFILES
from benchmarks.errors import ConfigError
from benchmarks.study.file import config_path
from benchmarks.study.study import load_study

BASE: dict[str, Any] = {"dataset": "digits", "method": "tssl_bp", "architecture": "20", "epochs": 1}
STUDIES = sorted(path.stem for path in config_path("digits").parent.glob("*.toml"))


def refusal(**changes: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        validate_run({**BASE, **changes})
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"epoch": 3}, "unknown key 'epoch'; expected one of dataset, method"),
        ({"epochs": "three"}, "epochs is 'three': input should be a valid integer"),
        ({"epochs": 1.5}, "epochs is 1.5: input should be a valid integer"),
        ({"epochs": 0}, "epochs is 0: input should be greater than or equal to 1"),
        ({"time_steps": 0}, "time_steps is 0: input should be greater than or equal to 1"),
        ({"dataset": "imagenet"}, "dataset: unknown dataset 'imagenet'; expected one of cifar10"),
        ({"method": "sgd"}, "method: unknown method 'sgd'; expected one of ann"),
        ({"architecture": ""}, "architecture: architecture is empty; expected layers such as"),
        ({"architecture": "P2-P2-P2-P2"}, "architecture: layer 4 (P2) of P2-P2-P2-P2 leaves nothing"),
        (
            {"optimizer": {"lr": 1e-3}},
            "unknown key 'optimizer.lr'; expected one of learning_rate, weight_decay, grad_clip",
        ),
        (
            {"optimizer": {"learning_rate": float("inf")}},
            "learning_rate is inf: input should be a finite number",
        ),
        ({"optimizer": {"learning_rate": -1.0}}, "optimizer.learning_rate is -1.0: input should be greater than 0"),
        ({"parameters": {"tau": 3}}, "parameters: unknown key 'tau'; expected one of lif, gradient, reset_matrix"),
        (
            {"parameters": {"lif": {"tau": 3}}},
            "parameters: unknown key 'lif.tau'; expected one of tau_m, tau_s, threshold",
        ),
        ({"parameters": {"lif": {"tau_s": 0}}}, "tau_s is 0"),
        ({"parameters": {"lif": {"tau_s": "3"}}}, "parameters.lif.tau_s is '3': input should be a valid number"),
        ({"parameters": {"loss": "l2"}}, "parameters.loss is 'l2': input should be 'van_rossum'"),
        ({"parameters": {"target_pattern": "000"}}, "target pattern is '000'"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_it(changes: dict[str, Any], expected: str) -> None:
    assert expected in refusal(**changes)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match="'epochs' is missing"):
        validate_run({key: value for key, value in BASE.items() if key != "epochs"})


def test_every_wrong_key_is_named_at_once() -> None:
    message = refusal(epochs=0, dataset="imagenet", colour="red")
    assert all(part in message for part in ("epochs is 0", "'imagenet'", "'colour'"))


def test_the_configuration_is_filled_up_with_the_parameters_of_the_method() -> None:
    config = validate_run({**BASE, "parameters": {"lif": {"tau_s": 2}}})
    assert config.parameters["lif"] == {"tau_m": 5.0, "tau_s": 2.0, "threshold": 1.0}
    assert config.parameters["gradient"]["inverse_max"] == 8.0
    assert config.method_parameters().lif.tau_s == 2.0


def test_a_preset_changes_the_defaults_and_gives_way_to_what_is_written() -> None:
    preset = {**BASE, "method": "tssl_bp:single-filter"}
    assert validate_run(preset).parameters["filter_passes"] == 1
    assert validate_run({**preset, "parameters": {"filter_passes": 2}}).parameters["filter_passes"] == 2


def test_the_run_key_depends_on_every_value_and_on_nothing_else() -> None:
    config = validate_run(BASE)
    assert validate_run({**BASE, "parameters": {"filter_passes": 2}, "seed": 0}).run_key == config.run_key
    others: list[dict[str, Any]] = [
        {"seed": 1},
        {"epochs": 2},
        {"architecture": "21"},
        {"parameters": {"lif": {"tau_s": 2}}},
    ]
    keys = {validate_run({**BASE, **change}).run_key for change in others}
    assert len(keys | {config.run_key}) == 5


def test_a_setting_that_came_later_counts_in_the_key_where_it_is_not_at_its_default_alone() -> None:
    config, plain = validate_run(BASE), validate_run({**BASE, "initial_weights": "pytorch_default"})
    assert (config.run_key, config.cell_key) == (plain.run_key, plain.cell_key)
    assert config.run_key == "ef6d63be1a6e4b17"  # as before there was the setting
    kaiming = validate_run({**BASE, "initial_weights": "kaiming_normal"})
    assert kaiming.run_key != config.run_key
    assert kaiming.cell_key != config.cell_key
    assert "initial_weights is 'he': input should be 'pytorch_default' or" in refusal(initial_weights="he")


def test_a_configuration_survives_the_way_through_json() -> None:
    config = validate_run({**BASE, "architecture": "4C3p1-P2-20"})
    assert RunConfig.model_validate_json(config.model_dump_json()) == config


def test_a_method_without_spikes_has_one_time_step() -> None:
    assert validate_run({**BASE, "method": "ann", "time_steps": 10}).time_steps == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("run.epochs=3", {"run": {"epochs": 3}}),
        ("grid.seed=[0, 1]", {"grid": {"seed": [0, 1]}}),
        ("method=tssl_bp", {"method": "tssl_bp"}),
        ('architecture="400-400"', {"architecture": "400-400"}),
        ("architecture=400-400", {"architecture": "400-400"}),
    ],
)
def test_overrides_are_toml_or_text(text: str, expected: dict[str, Any]) -> None:
    assert parse_override(text) == expected


@pytest.mark.parametrize("text", ["epochs", "=3", "run..epochs=3", ""])
def test_an_override_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected key=value"):
        parse_override(text)


def test_files_that_are_missing_or_no_toml_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("run = [")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_toml(tmp_path / "bad.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot read"):
        read_toml(tmp_path / "binary.toml")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", STUDIES)
def test_every_study_of_the_suite_is_valid_in_every_profile(name: str, profile: str) -> None:
    study = load_study(name, profile=profile)
    assert study.name == name
    assert len(study.cells) == len({cell.config.run_key for cell in study.cells}) > 0
    assert {cell.config.protocol for cell in study.cells} == {"tuned" if name == "fashion_mnist_tuned" else profile}


def test_the_ablation_holds_every_variant_of_tssl_bp_and_of_2020_with_the_learning_rate_of_its_time() -> None:
    variants = ["tssl_bp", *(f"tssl_bp:{preset}" for preset in get_method("tssl_bp").presets)]
    for profile, epochs, seeds in (("smoke", 1, 1), ("quick", 5, 2), ("paper", 100, 5)):
        cells = [cell.config for cell in load_study("ablation", profile=profile).cells]
        assert [(c.method, c.seed) for c in cells] == [(name, seed) for name in variants for seed in range(seeds)]
        assert {(c.dataset, c.architecture, c.time_steps, c.epochs) for c in cells} == {
            ("fashion_mnist", "400-400", 5, epochs)
        }
        rates = {c.method: c.optimizer.learning_rate for c in cells}
        of_2020 = {f"tssl_bp:{name}" for name in ("paper-2020-06", "paper-2020-09", "code-2020-10")}
        assert rates == {name: 2e-4 if name in of_2020 else 5e-4 for name in variants}


def test_the_version_of_the_submission_has_the_loss_and_time_constants_that_the_fashion_cnn_first_had() -> None:
    cells = [cell.config for cell in load_study("fashion_mnist_cnn", profile="paper").cells]
    found = {(c.method, c.parameters["loss"], *c.parameters["lif"].values()) for c in cells if "tssl_bp" in c.method}
    assert found == {
        ("tssl_bp", "van_rossum", 5.0, 3.0, 1.0),
        ("tssl_bp:single-filter", "van_rossum", 5.0, 3.0, 1.0),
        ("tssl_bp:paper-2020-06", "spike_count", 4.0, 2.0, 1.0),
    }


def test_the_ablation_runs_on_the_digits_too() -> None:
    cells = load_study("ablation", profile="smoke", overrides=["run.dataset=digits", "run.architecture=30"]).cells
    assert {cell.config.dataset for cell in cells} == {"digits"}
    assert [cell.skip_reason for cell in cells] == [None] * len(cells)


def write_study(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\ntitle = "Mine"\n' + text)
    return str(path)


RUN = '[run]\ndataset = "digits"\narchitecture = "20"\nepochs = 4\n'


def test_the_grid_is_expanded_and_methods_without_time_stand_once(tmp_path: Path) -> None:
    path = write_study(tmp_path, RUN + '[grid]\nmethod = ["tssl_bp", "ann"]\ntime_steps = [2, 5]\nseed = [0, 1]\n')
    cells = [cell.config for cell in load_study(path, profile="quick").cells]
    assert [(c.method, c.time_steps, c.seed) for c in cells] == [
        ("tssl_bp", 2, 0),
        ("tssl_bp", 2, 1),
        ("tssl_bp", 5, 0),
        ("tssl_bp", 5, 1),
        ("ann", 1, 0),
        ("ann", 1, 1),
    ]


def test_profiles_methods_and_overrides_are_laid_over_the_run_in_this_order(tmp_path: Path) -> None:
    text = RUN + '[grid]\nmethod = ["tssl_bp", "ann"]\n[methods.ann.optimizer]\ngrad_clip = 0.0\n'
    text += "[profiles.smoke.run]\nepochs = 2\n"
    path = write_study(tmp_path, text)
    smoke = [cell.config for cell in load_study(path, profile="smoke").cells]
    assert [c.epochs for c in smoke] == [2, 2]
    assert [c.optimizer.grad_clip for c in smoke] == [1.0, 0.0]
    overridden = load_study(path, profile="smoke", overrides=["run.epochs=7", "grid.seed=[4]"])
    assert [(c.config.epochs, c.config.seed) for c in overridden.cells] == [(7, 4), (7, 4)]


def test_dotted_grid_keys_reach_into_tables(tmp_path: Path) -> None:
    path = write_study(tmp_path, RUN + '[grid]\nmethod = ["tssl_bp"]\n"parameters.lif.tau_s" = [2, 3]\n')
    taus = [cell.config.parameters["lif"]["tau_s"] for cell in load_study(path, profile="quick").cells]
    assert taus == [2.0, 3.0]


def test_rules_change_the_parts_of_the_grid_that_they_match_and_the_grid_has_the_last_word(tmp_path: Path) -> None:
    text = RUN + '[grid]\nmethod = ["stbp", "stbp:classic", "ann"]\ntime_steps = [2, 5]\nseed = [0]\n'
    text += '[[rules]]\nmatch = { method = "stbp", time_steps = 5 }\nrun = { epochs = 9, seed = 3 }\n'
    text += '[[rules]]\nmatch = { "optimizer.grad_clip" = 1.0 }\nrun = { epochs = 1 }\n'
    cells = [cell.config for cell in load_study(write_study(tmp_path, text), profile="quick").cells]
    assert [(c.method, c.time_steps, c.epochs, c.seed) for c in cells] == [
        ("stbp", 2, 4, 0),
        ("stbp", 5, 9, 0),
        ("stbp:classic", 2, 4, 0),
        ("stbp:classic", 5, 9, 0),
        ("ann", 1, 4, 0),
    ]


def test_a_profile_leaves_parts_of_the_grid_out(tmp_path: Path) -> None:
    text = RUN + '[grid]\nmethod = ["stbp", "stbp:classic", "ann"]\nseed = [0, 1, 2]\n'
    text += '[profiles.quick]\nleave_out = [{ method = "stbp", seed = 1 }, { method = "ann" }]\n'
    path = write_study(tmp_path, text)
    left = [(cell.config.method, cell.config.seed) for cell in load_study(path, profile="quick").cells]
    assert left == [("stbp", 0), ("stbp", 2), ("stbp:classic", 0), ("stbp:classic", 2)]
    assert len(load_study(path, profile="paper").cells) == 9


def test_a_study_can_extend_another_one(tmp_path: Path) -> None:
    base = write_study(tmp_path, RUN + '[grid]\nmethod = ["tssl_bp"]\nseed = [0, 1]\n')
    other = tmp_path / "other.toml"
    other.write_text(f'name = "other"\ntitle = "Other"\nextends = "{base}"\nrun = {{ epochs = 2 }}\n')
    study = load_study(str(other), profile="quick")
    assert (study.name, study.title) == ("other", "Other")
    assert [(cell.config.epochs, cell.config.architecture, cell.config.seed) for cell in study.cells] == [
        (2, "20", 0),
        (2, "20", 1),
    ]


def test_a_study_that_extends_one_that_extends_another_has_what_all_say_and_finds_them_beside_itself(
    tmp_path: Path,
) -> None:
    write_study(tmp_path, RUN + '[grid]\nmethod = ["tssl_bp"]\nseed = [0, 1]\n')
    middle, last = tmp_path / "middle.toml", tmp_path / "last.toml"
    middle.write_text('name = "middle"\ntitle = "Middle"\nextends = "mine.toml"\nrun = { epochs = 2 }\n')
    last.write_text('name = "last"\ntitle = "Last"\nextends = "middle.toml"\ngrid = { seed = [7] }\n')
    (cell,) = load_study(str(last), profile="quick").cells
    assert (cell.config.epochs, cell.config.architecture, cell.config.seed) == (2, "20", 7)
    middle.write_text('name = "middle"\ntitle = "Middle"\nextends = "last.toml"\n')
    with pytest.raises(ConfigError, match=r"last\.toml extends itself, by way of .*middle\.toml"):
        load_study(str(last), profile="quick")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (RUN, "'grid' is missing"),
        (
            RUN + '[grid]\nmethod = ["ann"]\n[[rules]]\nmatch = {}\nrun = {}\nfoo = 1\n',
            "key 'rules.0.foo'; expected one of match",
        ),
        (
            RUN + '[grid]\nmethod = ["ann"]\n[profiles.quick]\nfoo = 1\n',
            "key 'profiles.quick.foo'; expected one of run",
        ),
        (
            RUN + '[grid]\nmethod = ["ann", "stbp"]\n[methods.ann]\ninitial_weights = "kaiming_normal"\n',
            "initial_weights of .* is set for ann; expected the same for all methods",
        ),
        (RUN + "[grid]\nseed = [0]\n", "'method' is missing"),
        ('published = { version = "2019" }\n[run]\n[grid]\nseed = [0]\n', "no published configuration has all of"),
        (RUN + '[grid]\nmethod = ["tssl_bp"]\n[[rules]]\nmatch = {}\n', "rules.0.run' is missing"),
        (RUN + "[grid]\nseed = []\n", "grid.seed"),
        (RUN + "[grid]\nseed = 3\n", "grid.seed is 3"),
        (RUN + '[grid]\nmethod = ["tssl_bp"]\n[methods.sgd]\nepochs = 1\n', "unknown method 'sgd'"),
        (RUN + '[grid]\nmethod = ["tssl_bp"]\n[profile.quick]\n', "unknown key 'profile'"),
        (RUN + '[grid]\nmethod = ["tssl_bp", "sgd"]\n', "unknown method 'sgd'"),
    ],
)
def test_a_study_with_a_mistake_is_refused_before_anything_runs(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises((ConfigError, ValueError), match=expected):
        load_study(write_study(tmp_path, text), profile="quick")


def test_unknown_studies_profiles_and_override_tables_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown study 'digit'; .*digits"):
        load_study("digit", profile="quick")
    with pytest.raises(ConfigError, match="unknown profile 'fast'"):
        load_study("digits", profile="fast")
    with pytest.raises(ConfigError, match=r"expected run\.\*, grid\.\* or methods\.\*"):
        load_study("digits", profile="quick", overrides=["epochs=3"])


def test_runs_that_would_be_called_the_same_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text(
        """
name = "study"
title = "Study"
[run]
dataset = "digits"
architecture = "20"
epochs = 1
[grid]
method = ["ann", "stbp"]
"optimizer.learning_rate" = [1e-3, 2e-3]
[methods.ann]
optimizer.weight_decay = 0.0
"""
    )
    assert [cell.title for cell in load_study(str(path), profile="paper").cells] == [
        "ann seed=0 digits 20, optimizer.learning_rate=0.001",
        "ann seed=0 digits 20, optimizer.learning_rate=0.002",
        "stbp T=5 seed=0 digits 20, optimizer.learning_rate=0.001",
        "stbp T=5 seed=0 digits 20, optimizer.learning_rate=0.002",
    ]
    single = load_study(str(path), profile="paper", overrides=['grid={"optimizer.learning_rate"=[1e-3]}'])
    assert [cell.title for cell in single.cells] == ["ann seed=0 digits 20", "stbp T=5 seed=0 digits 20"]
