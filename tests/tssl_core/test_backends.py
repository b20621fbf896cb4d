"""The choice of a backend, the operator that PyTorch sees, and the compiled library in threads and processes."""

import os
import shutil
import subprocess
import sys
import sysconfig
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.kernels import DEVICES
from tssl_core import BackendUnavailableError, LIFParams, TSSLParams, spiking_psc
from tssl_core.kernels import available, cpu, resolve
from tssl_core.kernels.fusion import Fusion

ROOT = Path(__file__).parents[2]
COMPILED = available()["cpu"]
needs_compiled = pytest.mark.skipif(COMPILED is not None, reason=str(COMPILED))


@pytest.fixture
def no_extension(fresh_caches: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the extension was not built."""
    monkeypatch.setattr(cpu.LIBRARY, "package", "tssl_core")


def python(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def arguments(current: Tensor, backend: str) -> tuple[object, ...]:
    return (current, 5.0, 3.0, 1.0, "neuron", 0.1, 0.0, 8.0, True, 0.2, backend)


def test_the_extension_is_there_if_a_compiler_is() -> None:
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} here")
    assert COMPILED is None


@needs_compiled
def test_auto_takes_the_compiled_kernel_on_a_cpu_without_a_warning() -> None:
    assert resolve("auto").name == "cpu"
    assert resolve("auto", dtype=torch.float64).name == "cpu"


def test_auto_warns_once_and_gives_the_reference_if_the_extension_is_missing(no_extension: None) -> None:
    current = torch.rand(5, 30) * 2
    with pytest.warns(UserWarning, match=r"slower.*tssl_core._cpu is not there; install a C compiler.*pip install"):
        psc = spiking_psc(current)
    assert torch.equal(psc, spiking_psc(current, backend="reference"))
    with warnings.catch_warnings(record=True) as caught:
        spiking_psc(current)
        spiking_psc(current.double())
    assert not caught


def test_a_missing_extension_that_was_asked_for_is_an_error(no_extension: None) -> None:
    with pytest.raises(BackendUnavailableError, match=r"'cpu' cannot run spiking_psc: .*tssl_core._cpu is not there"):
        spiking_psc(torch.rand(5, 30), backend="cpu")


@needs_compiled
def test_an_extension_of_other_sources_is_refused(fresh_caches: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zlib.crc32", lambda _content: 1)
    assert "built from other sources" in str(available()["cpu"])


@needs_compiled
def test_the_sources_of_a_refused_extension_are_read_once(fresh_caches: None, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []

    def other(content: bytes) -> int:
        read.append(content)
        return 1

    monkeypatch.setattr("zlib.crc32", other)
    for _ in range(3):
        with pytest.raises(BackendUnavailableError, match="built from other sources"):
            resolve("cpu")
        with pytest.raises(BackendUnavailableError, match="built from other sources"):
            cpu.LIBRARY.limit_processor(0)
    assert len(read) == 1


@needs_compiled
def test_a_dtype_that_a_kernel_lacks_is_an_error_and_auto_says_so(fresh_caches: None) -> None:
    with pytest.raises(BackendUnavailableError, match=r"torch\.bfloat16; expected torch\.float32 or torch\.float64"):
        spiking_psc(torch.rand(5, 30, dtype=torch.bfloat16), backend="cpu")
    with pytest.warns(UserWarning, match=r"using backend 'reference'.*torch\.bfloat16"):
        spiking_psc(torch.rand(5, 30, dtype=torch.bfloat16))


def test_an_unknown_backend_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(BackendUnavailableError, match="'gpu'; expected one of auto, cpu, triton, reference"):
        spiking_psc(torch.rand(5, 30), backend="gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_backend_for_another_device_says_so() -> None:
    code = 'from tssl_core.kernels import available; print(available("cuda")["cpu"], available()["triton"])'
    printed = python(code, TRITON_INTERPRET="0")
    assert "on cuda; expected a tensor on the CPU" in printed
    assert "on cpu; expected one on a CUDA device, and PyTorch finds none" in printed or "not installed" in printed


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
@pytest.mark.parametrize("backend", ["cpu", "triton", "reference"])
def test_pytorch_accepts_the_operator(backend: str) -> None:
    device = DEVICES.get(backend, "cpu")
    if available(device)[backend] is not None:
        pytest.skip(str(available(device)[backend]))
    current = torch.rand(4, 2, 9, device=device).transpose(1, 2) * 2
    torch.library.opcheck(torch.ops.tssl.spiking_psc.default, arguments(current.detach().requires_grad_(), backend))
    torch.library.opcheck(
        torch.ops.tssl.spiking_psc_backward.default, (torch.rand(4, 9, 2, device=device), *arguments(current, backend))
    )


def test_compiled_code_is_one_graph_and_gives_the_same() -> None:
    def loss(current: Tensor) -> Tensor:
        return (spiking_psc(current * 2, LIFParams(tau_s=2), TSSLParams(gate="never")) ** 2).sum()

    current = torch.rand(5, 30).requires_grad_()
    (expected,) = torch.autograd.grad(loss(current), current)
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    (got,) = torch.autograd.grad(compiled(current), current)
    assert torch.equal(got, expected)


def test_only_the_current_is_kept_for_the_backward_pass() -> None:
    kept: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    current = torch.rand(5, 30).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        spiking_psc(current)
    assert [tensor.data_ptr() for tensor in kept] == [current.data_ptr()]


def test_a_second_derivative_is_an_error() -> None:
    current = torch.rand(5, 30).requires_grad_()
    for output in (spiking_psc(current).square(), spiking_psc(current)):
        with pytest.raises(RuntimeError, match=r"no derivative of its own; expected no create_graph=True"):
            torch.autograd.grad(output.sum(), current, create_graph=True)
    with pytest.raises(RuntimeError, match="create_graph"):
        torch.autograd.functional.hessian(lambda x: spiking_psc(x).sum(), current.detach())


@needs_compiled
def test_no_memory_for_scratch_is_an_error() -> None:
    current = torch.zeros(1).expand(2**50, 1)
    kernels = (cpu.LIBRARY._run, ()), (cpu.LIBRARY._run_layer, (Fusion(flat=True),))
    for run, arguments in kernels:
        with pytest.raises(MemoryError, match=r"no memory for the scratch of tssl_backward .*\(1125899906842624, 1\)"):
            run("tssl_backward", current, (current, current, current), [1.0] * 15, *arguments)


@needs_compiled
def test_the_kernels_use_the_threads_of_torch_and_no_others() -> None:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("counts threads in /proc")
    code = """
import os
import torch
from tssl_core import spiking_psc

torch.set_num_threads(4)
current = torch.rand(10, 400_000, requires_grad=True)
current.detach() * 2
before = len(os.listdir("/proc/self/task"))
psc = spiking_psc(current, backend="cpu")
psc.sum()
torch.ops.tssl.spiking_psc_backward(psc.detach(), current.detach(), 5., 3., 1., "neuron", .1, 0., 8., True, .2, "cpu")
print(before, len(os.listdir("/proc/self/task")))
"""
    before, after = map(int, python(code).split())
    assert before == after > 3


@needs_compiled
def test_a_forked_process_does_not_wait_for_threads_that_it_has_not() -> None:
    code = """
import os, signal, sys
import torch
from tssl_core import spiking_psc

torch.set_num_threads(2)
current = torch.rand(10, 100_000)
expected = spiking_psc(current, backend="cpu")
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if bytes(spiking_psc(current, backend="cpu").numpy()) == bytes(expected.numpy()) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert python(code).strip() == "0"


def test_the_package_builds_without_a_compiler(tmp_path: Path) -> None:
    pytest.importorskip("setuptools")
    build = [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", "built", "--build-temp", "objects"]
    for name in ("setup.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for package in ("tssl_core", "baselines"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("*.so"))
    done = subprocess.run(
        build, cwd=tmp_path, capture_output=True, text=True, timeout=60, env={"CC": "false", "PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*.so"))
