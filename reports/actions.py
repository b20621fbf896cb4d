"""What the ``tssl`` commands do that show things, see `reports.cli`."""

from collections import Counter
from itertools import islice

from benchmarks.cli.main import EXIT_OK, EXIT_RUN_FAILED
from benchmarks.config.execution import Execution
from benchmarks.errors import ConfigError
from benchmarks.platform.atomic import write_atomically, writing
from benchmarks.study.file import config_path, read_study
from reports.cli import DEFAULT_FOLDER, CompareOptions, RecheckOptions, ReportOptions
from reports.combining import combined
from reports.compare import comparison, read_side
from reports.kernel_times import kernel_times
from reports.load import results_from_csv, results_from_mlflow, results_from_runs, with_alignment
from reports.recheck import Agreement, comparable, recheck
from reports.selection import filter_runs, results_at
from reports.writing import write_results


def report_command(options: ReportOptions) -> int:
    """Write a report again."""
    study, title = _name_and_title(options.study)
    if options.from_csv:
        results = results_from_csv(options.from_csv, study)
    elif options.from_mlflow:
        results = results_from_mlflow(options.from_mlflow, study)
    else:
        results = results_from_runs(options.runs, study)
    if options.also:
        results = combined([results, *(results_at(place, study) for place in options.also)])
    for condition in options.only:
        results = filter_runs(results, condition)
    if options.alignment:
        results = with_alignment(results, options.alignment)
    kernels = kernel_times(options.bench) if options.bench else None
    folder = options.output or DEFAULT_FOLDER / results.study
    write_results(results, folder, title, kernels, latex=options.latex)
    return EXIT_OK


def compare_command(options: CompareOptions) -> int:
    """Print what differs between two studies, or two commits of one, and whether it is noise."""
    text = comparison(*(read_side(name, options.runs) for name in (options.a, options.b)))
    if options.output:
        with writing(options.output):
            write_atomically(options.output, text.encode())
    else:
        print(text, end="")
    return EXIT_OK


def recheck_command(options: RecheckOptions) -> int:
    """Begin runs of a report again and say how they come out; the exit code is 0 if none speaks against the code."""
    results = results_from_csv(options.folder, options.folder.name)
    for condition in options.only:
        results = filter_runs(results, condition)
    execution = Execution(device=options.device, data_root=options.data_root)
    here, tally = comparable(results, execution), Counter[Agreement]()
    count = f"{len(here.runs)} of {len(results.runs)} runs"
    print(f"{options.folder}: {count} have epochs on a device like {options.device}")
    for run in islice(recheck(here, execution, epochs=options.epochs), options.limit):
        tally[run.agreement] += 1
        print(run.line(), flush=True)
    print(", ".join(f"{tally[agreement]} {agreement}" for agreement in Agreement))
    return EXIT_RUN_FAILED if tally[Agreement.CHANGED] or tally[Agreement.UNMADE] else EXIT_OK


def _name_and_title(study: str) -> tuple[str, str]:
    """Name and title in the study's own file; of a name that has no file here, the name for both."""
    try:
        path = config_path(study)
    except ConfigError:
        return study, study
    found = read_study(path)
    return found.name, found.title
