"""Tables of what `benchmarks.real_recording` wrote: one real recording beside simulated ones."""

from pathlib import Path

import pandas as pd

from benchmarks.real_recording import DECISIONS_FILE, SACCADES_FILE


def decision_table(folder: Path) -> pd.DataFrame:
    """What each network takes the real recording for, and how sure it is, ready to print.

    Parameters
    ----------
    folder : Path
        Of both files.
    """
    found = pd.read_csv(folder / DECISIONS_FILE)
    return pd.DataFrame(
        {
            "seed": found["seed"].astype(str),
            "simulated test recordings, %": found["accuracy"].map(_percent),
            "of the same digit, %": found["recognised"].map(_percent),
            "real one taken for": found["decided"].astype(str),
            "margin": found["margin"].map("{:+.2f}".format),
            "simulated ones with a smaller margin, %": found["below"].map(_percent),
        }
    )


def saccade_table(folder: Path) -> pd.DataFrame:
    """Events of the real recording and of simulated ones of the same digit by saccade, ready to print.

    Parameters
    ----------
    folder : Path
        Of both files.
    """
    found = pd.read_csv(folder / SACCADES_FILE, dtype={"saccade": str})
    away = (found["real"] - found["mean"]) / found["std"]
    return pd.DataFrame(
        {
            "saccade": found["saccade"],
            "real": found["real"].map("{:,}".format),
            "simulated": [f"{mean:,.0f} ± {std:,.0f}" for mean, std in zip(found["mean"], found["std"], strict=True)],
            "real minus simulated, standard deviations": away.map("{:+.1f}".format),
            "simulated ones with fewer events, %": found["below"].map(_percent),
        }
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"
