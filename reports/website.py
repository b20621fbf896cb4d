"""Pages of the website: ``python -m reports.website FOLDER`` lays them out for MkDocs, and ``nox -s docs`` builds it.

The pages lie as they do in the repository, so that links between them hold. To them come those that are made here: the
leaderboard, the runs behind it, a list of the reports, and a page of the API for each package.
"""

import hashlib
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from reports.documents import OF_THE_PAPER, ROOT, Studies, committed, title_of
from reports.leaderboard import leaderboard
from reports.load import ReportError, committed_folders
from reports.render import REPORT_FILE
from reports.templating import call_macro

ASSETS = ROOT / "docs" / "website"
CONFIG, PAGES, BUILT = "mkdocs.yml", "pages", "website"

PACKAGES = ("tssl_core", "baselines", "benchmarks", "reports")
NEWS = ("CONTRIBUTING.md", "CHANGELOG.md")

GUIDES: Mapping[str, tuple[str, ...]] = {
    "Results": ("results", "findings", "methods", "tuning", "sequences", "nmnist_simulated", "atlas"),
    "What is measured": ("protocol", "math"),
    "Using it": ("running", "adding", "exchange", "mlflow"),
    "How it is built": ("architecture", "performance", "benchmarks", "benchmarks_gpu"),
}
"""Documents by subject; those that are not named come last."""

LINK = re.compile(r"\]\(([^)\s#:]+)(?:#[^)\s]*)?\)")
"""A link to a file, which has no scheme."""

DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class ReportLine:
    """A committed report in the list of them.

    Parameters
    ----------
    study, title : str
        Name and headline.
    finished : int
        Number of its runs that have a result.
    listed : bool
        Whether it has runs behind the leaderboard.
    """

    study: str
    title: str
    finished: int
    listed: bool


def written_pages() -> dict[str, str]:
    """Text of the pages that are in the repository, by their path there."""
    paths = [ROOT / "README.md", *(ROOT / name for name in NEWS), *sorted((ROOT / "docs").glob("*.md"))]
    paths += [folder / REPORT_FILE for folder in committed_folders().values()]
    texts = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    texts["README.md"] = f"---\nhide: [navigation]\n---\n\n{texts['README.md']}"
    return {page: adapt(page, text) for page, text in texts.items()}


def adapt(page: str, text: str) -> str:
    """Say in the way of MkDocs what forges understand by themselves: what is folded up, and diagrams.

    Parameters
    ----------
    page : str
        Path of the page, from which pictures are linked.
    text : str
        Its Markdown.
    """
    text = text.replace("<details>", '<details markdown="1">')
    return DIAGRAM.sub(lambda found: _picture(page, found.group(1)), text)


def _picture(page: str, diagram: str) -> str:
    """The drawing of a diagram: its script comes from elsewhere, which pages that need no net cannot have."""
    name = f"diagrams/{hashlib.sha256(diagram.encode()).hexdigest()[:12]}.svg"
    if not (ASSETS / name).is_file():
        drawn = (ASSETS / name).relative_to(ROOT).as_posix()
        raise ReportError(f"a diagram of {page} is not drawn: npx @mermaid-js/mermaid-cli -i DIAGRAM -o {drawn}")
    address = f"{'../' * page.count('/')}assets/{name}"
    return f"[![Diagram]({address})]({address})\n"


def result_pages(studies: Studies) -> dict[str, str]:
    """Leaderboard, the runs behind it by study, and the list of reports."""
    names = sorted(studies, key=lambda name: name not in OF_THE_PAPER)
    entries = leaderboard({name: studies[name] for name in names})
    of_study = {name: [entry for entry in entries if entry.study == name] for name in names}
    titles = {name: title_of(folder) for name, folder in committed_folders().items()}
    lines = [ReportLine(name, titles[name], len(studies[name].finished), bool(of_study[name])) for name in names]
    pages = {"leaderboard.md": call_macro("website.md.j2", "leaderboard", entries=entries)}
    pages["reports/rendered/index.md"] = call_macro("website.md.j2", "reports", lines=lines)
    for name, listed in of_study.items():
        if listed:
            pages[f"runs/{name}.md"] = call_macro(
                "website.md.j2", "runs", study=name, title=titles[name], entries=listed
            )
    return {path: f"{text}\n" for path, text in pages.items()}


def api_pages() -> dict[str, str]:
    """A page for each package, with its public modules."""
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if not path.stem.startswith("_")
    ]
    packages = groupby(sorted(modules, key=_package_place), key=lambda module: _package_place(module)[1])
    return {
        f"api/{package}.md": f"{call_macro('website.md.j2', 'package', package=package, modules=list(inside))}\n"
        for package, inside in packages
    }


def linked_files(pages: Mapping[str, str]) -> set[str]:
    """Files of the repository, no pages themselves, to which pages lead, such as figures, by their path there."""
    targets = {(ROOT / page).parent / link for page, text in pages.items() for link in LINK.findall(text)}
    files = {path.resolve().relative_to(ROOT) for path in targets if path.is_file()}
    return {path.as_posix() for path in files if path.as_posix() not in pages}


def navigation(pages: Iterable[str]) -> list[Any]:
    """Menu of the website, as MkDocs has it: titles with a page or a menu each."""
    pages = list(pages)
    documents = {Path(page).stem: page for page in pages if page.startswith("docs/")}
    named = {name for names in GUIDES.values() for name in names}
    guides = {title: [documents[name] for name in names if name in documents] for title, names in GUIDES.items()}
    guides["More"] = [page for name, page in documents.items() if name not in named]
    return [
        {"Start": "README.md"},
        {"Leaderboard": ["leaderboard.md", {"Runs behind it": _within(pages, "runs/*.md")}]},
        {
            "Reports": [
                "reports/rendered/index.md",
                *({Path(page).parent.name: page} for page in _within(pages, "reports/rendered/*/*.md")),
            ]
        },
        {"Documentation": [{title: inside} for title, inside in guides.items() if inside] + [*NEWS]},
        {"API": _within(pages, "api/*.md")},
    ]


def _package_place(module: str) -> tuple[int, str]:
    """Where the page of a module's package stands, and the package."""
    return PACKAGES.index(module.partition(".")[0]), module.rpartition(".")[0]


def _within(pages: Iterable[str], pattern: str) -> list[str]:
    return [page for page in pages if Path(page).match(pattern)]


def write_website(folder: Path) -> None:
    """Write all pages, what they show, and the configuration of MkDocs.

    Parameters
    ----------
    folder : Path
        What it has of an earlier time is removed.
    """
    pages = written_pages() | result_pages(committed()) | api_pages()
    shutil.rmtree(folder / PAGES, ignore_errors=True)
    for name, text in pages.items():
        _place(folder, name).write_text(text, encoding="utf-8")
    for name in linked_files(pages):
        shutil.copyfile(ROOT / name, _place(folder, name))
    shutil.copytree(ASSETS, folder / PAGES / "assets", ignore=shutil.ignore_patterns(CONFIG))
    own = {
        "INHERIT": os.path.relpath(ASSETS / CONFIG, folder),
        "docs_dir": PAGES,
        "site_dir": BUILT,
        "nav": navigation(pages),
        "plugins": {"mkdocstrings": {"handlers": {"python": {"paths": [os.path.relpath(ROOT, folder)]}}}},
    }
    (folder / CONFIG).write_text(json.dumps(own, indent=2), encoding="utf-8")


def _place(folder: Path, name: str) -> Path:
    path = folder / PAGES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


if __name__ == "__main__":
    write_website(Path(sys.argv[1]))
