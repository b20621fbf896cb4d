"""What ``tssl reproduce`` does: it runs a study and writes its report."""

import sys

from benchmarks.cli.commands import study_of, sweep
from benchmarks.platform.atomic import make_writable_folder, writing
from benchmarks.sweep.voice import Voice
from reports.cli import DEFAULT_FOLDER, ReproduceOptions


def reproduce_command(options: ReproduceOptions) -> int:
    """Run a study and write its report, also when some of its runs failed; with ``--dry-run`` neither."""
    study = study_of(options)
    if options.dry_run:
        return sweep(study, options)
    # What draws figures takes seconds to import, and is of no use where the study is refused.
    from reports.kernel_times import kernel_times
    from reports.load import results_from_runs
    from reports.writing import write_results

    kernels = kernel_times(options.bench) if options.bench else None
    with writing(folder := options.output or DEFAULT_FOLDER / study.name):
        make_writable_folder(folder)
    mirror = options.mirror()
    code = sweep(study, options, mirror)
    with Voice(lambda: "drawing the report", terminal=sys.stderr.isatty()):
        write_results(results_from_runs(options.runs, study.name), folder, study.title, kernels, latex=options.latex)
    if mirror is not None:
        mirror.log_report(study.name, folder)
        for what, link in mirror.links(study.name).items():
            print(f"{what} in MLflow, where `nox -s mlflow_ui` runs: {link}")
    return code
