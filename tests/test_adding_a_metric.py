"""The example of a metric in docs/adding.md: one file, and it is in records, tables and the report."""

import re
import subprocess
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "adding.md"

PROGRAM = """
import sys
import benchmarks.metrics
benchmarks.metrics.__path__.append(sys.argv[1])
from reports.cli import main
digits = ["reproduce", "digits", "--profile", "smoke", "--device", "cpu", "--only", "method=tssl_bp"]
sys.exit(main([*digits, "--tracking-uri", "off"]))
"""


def test_a_metric_is_one_file(tmp_path: Path) -> None:
    (example,) = (
        code
        for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        if "(Metric)" in code
    )
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "weight_size.py").write_text(example, encoding="utf-8")
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = tmp_path / "results" / "digits"
    runs, epochs = (pd.read_csv(report / name) for name in ("results.csv", "epochs.csv"))
    assert (runs["largest_weight"] > 0).all()
    assert epochs["test_largest_weight"].iloc[-1] == runs["largest_weight"].iloc[-1]
    text = (report / "report.md").read_text(encoding="utf-8")
    assert "max w" in text
    assert f"{runs['largest_weight'].mean():.3f}" in text
