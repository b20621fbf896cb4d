"""Sessions of the suite; all share one virtual environment, as torch alone takes gigabytes."""

import hashlib
import os
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
INSTALLED, COMPILED = VENV / "installed-from.sha256", VENV / "compiled-from.sha256"
INSTALLED_FROM = ("pyproject.toml", "constraints.txt")
COMPILED_FROM = ("setup.py", *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("*/*/*.[ch]")))

STUDIES = {
    "mnist": "The paper's MNIST table",
    "fashion_mnist": "The paper's FashionMNIST table, 400-400",
    "fashion_mnist_tuned": "FashionMNIST, 400-400, every method with what equal searches found",
    "fashion_mnist_cnn": "The paper's FashionMNIST table, CNN",
    "cifar10": "The paper's CIFAR-10 table, CNN1",
    "cifar10_cnn2": "The paper's CIFAR-10 table, CNN2",
    "nmnist": "The paper's N-MNIST table",
    "nmnist_simulated": "The same on recordings simulated from MNIST, which are not N-MNIST",
    "published": "The authors' configurations of June and September 2020 and of their last version",
    "fashion_mnist_cnn_factors": "Single changes from September 2020 to the last version, FashionMNIST's CNN",
    "ablation": "Published versions and single changes of TSSL-BP on FashionMNIST",
    "learning_rates": "Learning rates for FashionMNIST, 400-400, judged by held-out samples",
    "precision": "Precision of products, from float32 to 16 bits, on MNIST's and FashionMNIST's CNN; needs a GPU",
    "time_steps": "How many time steps FashionMNIST needs, 400-400",
    "rivals": "All methods on FashionMNIST at 1 to 8 time steps, 400-400",
    "sequences": "Target spike sequences instead of classes, by small networks; nothing to download",
    "sequences_factors": "Pieces of TSSL-BP's gradient on target spike sequences; nothing to download",
}
SMALL = ("sequences", "sequences_factors")
"""Studies whose networks train faster side by side."""

MOST_JOBS = 4
"""Each takes about a gigabyte of memory."""
JOBS = str(min(os.cpu_count() or 1, MOST_JOBS))

nox.options.sessions = ["tests", "lint", "types"]
nox.options.default_venv_backend = "none"


def prepare(session: nox.Session) -> None:
    """Make the shared environment, and the C extension in it, unless both were made from the files that are here."""
    pip = (str(BIN / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    if stale(INSTALLED, INSTALLED_FROM):
        session.log(f"installing into {VENV}; the first time takes minutes")
        session.run(sys.executable, "-m", "venv", "--clear", str(VENV), external=True)
        session.run(*pip, "-c", "constraints.txt", "-e", ".[dev,docs,export,peers,ray]", external=True)
        INSTALLED.write_text(fingerprint(INSTALLED_FROM))
        COMPILED.write_text(fingerprint(COMPILED_FROM))
    elif stale(COMPILED, COMPILED_FROM):
        session.log("compiling the kernels again")
        session.run(*pip, "--no-deps", "-e", ".", external=True)
        COMPILED.write_text(fingerprint(COMPILED_FROM))


def fingerprint(files: tuple[str, ...]) -> str:
    """Hash of this Python and of the content of some files."""
    digest = hashlib.sha256(sys.version.encode())
    for name in files:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def stale(stamp: Path, files: tuple[str, ...]) -> bool:
    """Whether what a stamp stands for was made from other files."""
    return not stamp.is_file() or stamp.read_text() != fingerprint(files)


def run(session: nox.Session, program: str, *arguments: str) -> None:
    """Run a program of the shared environment."""
    prepare(session)
    session.run(str(BIN / program), *arguments, external=True)


@nox.session
def reproduce(session: nox.Session) -> None:
    """A small but real study without any download, and its report; small networks train faster side by side."""
    run(session, "tssl", "reproduce", "digits", "--jobs", JOBS, *session.posargs)


def reproduce_study(study: str, what: str) -> None:
    """Make the session ``reproduce_<study>``."""
    side_by_side = ("--jobs", JOBS) if study in SMALL else ()

    def reproduce(session: nox.Session) -> None:
        run(session, "tssl", "reproduce", study, *side_by_side, *session.posargs)

    reproduce.__doc__ = f"{what}; -- --profile smoke, quick or paper."
    nox.session(reproduce, name=f"reproduce_{study}")


for study, what in STUDIES.items():
    reproduce_study(study, what)


@nox.session
def report(session: nox.Session) -> None:
    """The report of a study again from what is logged; -- STUDY (default: digits)."""
    run(session, "tssl", "report", *(session.posargs or ["digits"]))


@nox.session
def mlflow_ui(session: nox.Session) -> None:
    """The MLflow UI on this machine alone; -- --port 5001."""
    store = ("--backend-store-uri", "sqlite:///mlflow.db")
    show = "from benchmarks.tracking.links import print_links; print_links('sqlite:///mlflow.db')"
    run(session, "python", "-c", show)
    run(session, "mlflow", "ui", "--host", "127.0.0.1", *store, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite on a few cores at a time; arguments go to pytest, such as -n 0 --pdb for a single process."""
    side_by_side = ("-n", "auto", "--maxprocesses", str(MOST_JOBS), "--dist", "worksteal")
    run(session, "python", "-m", "pytest", *side_by_side, *session.posargs)


@nox.session
def attacks(session: nox.Session) -> None:
    """Kills, cold starts, signals, damaged files, hostile archives, full disks; ends in a table. Takes minutes."""
    run(session, "python", "-m", "pytest", "tests/attacks", "-o", "python_files=attack_*.py", "-q", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Times of kernels and training steps, and of other libraries, as JSON and Markdown; arguments go to pytest."""
    results = ROOT / "results"
    results.mkdir(exist_ok=True)
    written = results / "bench.json"
    json_option = ("--benchmark-json", str(written), "--benchmark-columns=rounds", "--benchmark-disable-gc")
    run(session, "python", "-m", "pytest", "benchmarks/micro", "-q", *json_option, *session.posargs)
    run(session, "python", "-m", "benchmarks.micro.table", str(written))


@nox.session
def docs(session: nox.Session) -> None:
    """Documents, API, reports and leaderboard as pages in build/website, which open without a server; tests them."""
    website = ROOT / "build" / "website"
    session.env.update(TSSL_WEBSITE=str(website), NO_MKDOCS_2_WARNING="1")  # constraints.txt has an earlier MkDocs
    run(session, "python", "-m", "reports.website", "build")
    run(session, "mkdocs", "build", "--strict", "--config-file", "build/mkdocs.yml")
    run(session, "python", "-m", "pytest", "tests/website", *session.posargs)
    session.log(f"open {website / 'index.html'}")


@nox.session
def lint(session: nox.Session) -> None:
    """Style: ruff's rules and its formatting."""
    run(session, "ruff", "check", ".")
    run(session, "ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types: mypy --strict over packages and tests."""
    run(session, "mypy")
