"""The type of products: what it is on which device, what stays in float32, and what of it is logged."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.cli.main import main
from benchmarks.config.execution import Execution
from benchmarks.config.run import RunConfig, validate_run
from benchmarks.datasets.dataset import get_dataset
from benchmarks.defaults import Precision
from benchmarks.errors import ConfigError
from benchmarks.platform.determinism import choose_deterministic_kernels, describe_determinism
from benchmarks.platform.precision import HALF, LOSS_SCALE, choose_precision, loss_scale, precision_on
from benchmarks.study.study import load_study
from benchmarks.sweep.site import Site
from benchmarks.tracking import Runs, run_row
from benchmarks.training.optimisation import make_optimizer, train_step
from benchmarks.training.training import prepare
from tests.benchmarks.numbers import SWEEP, write_study

CPU, GPU = torch.device("cpu"), torch.device("cuda")
HERE = Execution(device="cpu")
DIGITS = get_dataset("digits").load(Path())
ROOT = Path(__file__).parents[2]


def config_of(**changes: Any) -> RunConfig:
    base = {"dataset": "digits", "method": "ann", "architecture": "4C3-P2-12", "epochs": 2, "train_samples": 96}
    return validate_run({**base, "test_samples": 40, **changes})


def test_on_the_cpu_tf32_is_float32_and_16_bits_are_refused_with_what_to_do() -> None:
    assert [precision_on(CPU, name) for name in ("float32", "tf32")] == ["float32", "float32"]
    assert [precision_on(GPU, name) for name in ("tf32", "float16")] == ["tf32", "float16"]
    for name in HALF:
        with pytest.raises(ConfigError, match=f"precision is '{name}' on the CPU; expected .* --device cuda, or set"):
            prepare(config_of(precision=name), HERE, DIGITS)


def test_a_precision_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="precision is 'double': input should be 'float32', 'tf32'"):
        config_of(precision="double")


def test_float32_and_tf32_train_alike_on_the_cpu() -> None:
    trained = []
    for precision in ("float32", "tf32"):
        training = prepare(config_of(precision=precision), HERE, DIGITS)
        trained.append([record.train_loss for record in training.epochs()])
    assert trained[0] == trained[1]


def test_the_key_of_a_run_of_before_is_still_its_key() -> None:
    values = {"method": "ann", "architecture": "16C3p1-P2-32C3p1-P2-128", "epochs": 20, "batch_size": 32}
    committed: dict[str, Any] = {"dataset": "digits", "protocol": "quick", "time_steps": 1, **values}
    committed["optimizer"] = {"learning_rate": 0.002}
    config = validate_run(committed)
    assert (config.run_key, config.cell_key) == ("61b11f174519014a", "f246d6e0f87ced5e")
    assert validate_run({**committed, "precision": "tf32"}).run_key == config.run_key
    others = {validate_run({**committed, "precision": name}).run_key for name in ("float32", "bfloat16", "float16")}
    assert len(others | {config.run_key}) == 4


def test_weights_loss_and_gradients_are_float32_where_products_have_16_bits() -> None:
    model = prepare(config_of(), HERE, DIGITS).model
    seen: list[torch.dtype] = []
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output.dtype))
    images, labels = DIGITS.train.batch(torch.arange(8))
    expected = model(images)
    model.products = torch.bfloat16
    output = model(images)
    assert seen == [torch.float32] * 3 + [torch.bfloat16] * 3
    assert output.dtype == torch.float32
    torch.testing.assert_close(output, expected, rtol=0.05, atol=0.05)
    assert not torch.equal(output, expected)
    loss = model.loss(output, labels)
    loss.backward()
    gradients = [weights.grad for weights in model.parameters()]
    assert {tensor.dtype for tensor in (loss, *model.parameters()) if tensor is not None} == {torch.float32}
    assert all(gradient is not None and gradient.dtype == torch.float32 for gradient in gradients)


def weights_after_steps(scale: float) -> list[Tensor]:
    training = prepare(config_of(), HERE, DIGITS)
    model, optimizer = training.model, make_optimizer(training.model, training.config.optimizer)
    for start in range(0, 48, 16):
        inputs, labels = DIGITS.train.batch(torch.arange(start, start + 16))
        train_step(model, optimizer, inputs, labels, grad_clip=1.0, loss_scale=scale)
    return list(model.parameters())


def test_a_scaled_loss_gives_the_same_step_as_the_scale_is_a_power_of_two_taken_out_before_clipping() -> None:
    assert loss_scale("float16") == LOSS_SCALE["float16"] > 1 == loss_scale("bfloat16") == loss_scale("tf32")
    plain, scaled = weights_after_steps(1.0), weights_after_steps(LOSS_SCALE["float16"])
    assert all(torch.equal(one, other) for one, other in zip(plain, scaled, strict=True))


def test_cudnn_chooses_by_time_for_16_bits_unless_told_otherwise() -> None:
    def chooses(precision: Precision, told: bool | None = None) -> bool:
        return replace(HERE, cudnn_benchmark=told).benchmarks_cudnn(config_of(precision=precision))

    assert [chooses(name) for name in ("float32", "tf32", "bfloat16", "float16")] == [False, False, True, True]
    assert chooses("tf32", True)
    assert not chooses("float16", False)
    before = describe_determinism()
    choose_deterministic_kernels(benchmark=True)
    assert "cudnn.deterministic=True, cudnn.benchmark=True" in describe_determinism()
    choose_deterministic_kernels()
    assert describe_determinism() == before


def test_what_products_were_computed_in_is_logged_and_what_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study()
    one = [*SWEEP, "--limit", "1", "--tracking-uri", "off", "--no-cudnn-benchmark"]
    assert main(one) == 0
    (record,) = Runs().records("tiny")
    row = run_row(record)
    assert record.execution["precision"] == "float32"
    assert row["precision"] == "float32"
    assert '"precision": "tf32"' in row["config"]
    assert row["command"].endswith(" --no-cudnn-benchmark")
    assert "cudnn.benchmark=False" in row["determinism"]
    assert main([*one, "--set", "run.precision=float16"]) == 2
    assert "tssl: error: precision is 'float16' on the CPU; expected" in capsys.readouterr().err
    assert len(Runs().files("tiny")) == 1


def test_runs_of_one_dataset_are_each_logged_in_their_own_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Execution, "precision_of", lambda _self, config: config.precision)
    monkeypatch.setattr("benchmarks.sweep.site.choose_precision", lambda _device, _asked: None)
    site = Site("tiny", "", HERE, Runs())
    names = ("tf32", "float32", "bfloat16")
    logged = [site.data(config_of(precision=name))[1] for name in names]
    assert tuple(environment.precision for environment in logged) == names
    assert ["cudnn.benchmark=True" in environment.determinism for environment in logged] == [False, False, True]
    choose_deterministic_kernels()


def test_the_study_of_precision_has_each_type_with_equal_seeds_on_both_networks() -> None:
    cells = load_study("precision", profile="paper").cells
    assert len(cells) == 2 * 4 * 5
    assert {cell.config.precision for cell in cells} == {"float32", "tf32", "bfloat16", "float16"}
    assert {(cell.config.dataset, cell.config.epochs) for cell in cells} == {("mnist", 100), ("fashion_mnist", 100)}


def test_a_run_needs_no_more_than_torch_numpy_pydantic_and_tqdm(tmp_path: Path) -> None:
    """Digits come with scikit-learn; MLflow, torchvision and tonic are said to be missing where they are needed."""
    absent = ("mlflow", "pandas", "tabulate", "tonic", "torchvision", "matplotlib", "ray", "psutil")
    sets = ("dataset=digits", "method=tssl_bp", "architecture=12", "epochs=1", "train_samples=64")
    arguments = [
        "run",
        "--device",
        "cpu",
        "--runs",
        "runs",
        "--tracking-uri",
        "off",
        *(x for s in sets for x in ("--set", s)),
    ]
    only = ["--only", "network=cifar10_cnn1", "--only", "seed=0"]
    dated = ["sweep", "published", "--dry-run", "--device", "cpu", "--tracking-uri", "off", "--no-estimate", *only]
    code = f"""
import sys
sys.modules.update(dict.fromkeys({absent!r}))
from benchmarks.cli.main import main
assert main({arguments!r}) == 0
assert main({dated!r}) == 0
mnist = ["--set", "dataset=mnist", "--set", "method=ann", "--set", "architecture=9", "--set", "epochs=1"]
assert main(["run", "--tracking-uri", "off", *mnist]) == 2
assert main([*{arguments!r}, "--tracking-uri", "sqlite:///x.db"]) == 2
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "the dataset needs torchvision, which is not installed" in done.stderr
    assert "tssl: error: MLflow is not installed" in done.stderr
    (file,) = (tmp_path / "runs" / "runs").glob("*/run.json")
    assert '"status": "finished"' in file.read_text()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device; PyTorch finds none here")
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16", "float16"])
def test_on_a_gpu_products_are_rounded_as_asked(precision: Precision) -> None:
    """The first 2^-12 beyond 1 is lost in TF32 and in 16 bits, and kept in float32."""
    model = prepare(config_of(precision=precision), Execution(device="cuda"), DIGITS).model
    choose_precision(GPU, precision)
    layer = nn.Linear(64, 64, bias=False).cuda()
    with torch.no_grad():
        layer.weight.copy_(torch.eye(64) * (1 + 2**-12))
        with torch.autocast("cuda", dtype=model.products, enabled=model.products is not None):
            product = layer(torch.eye(64, device="cuda"))
    assert product.dtype == HALF.get(precision, torch.float32)
    assert bool((product.float().diagonal() == 1 + 2**-12).all()) == (precision == "float32")
