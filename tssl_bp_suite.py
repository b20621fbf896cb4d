"""The suite under a name of its own: the ``tssl`` command, and a way to its packages that no folder can stand in.

The packages of the suite are called `tssl_core`, `baselines`, `benchmarks` and `reports`. A folder of the same name in
somebody's project comes first where that project is on Python's path. Once this module is imported it does not: the
four names are then looked up beside this file, in the process and in the workers that it starts.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

PACKAGES = ("tssl_core", "baselines", "benchmarks", "reports")
HOME = Path(__file__).resolve().parent


class OwnPackages:
    """Finds the packages of the suite where they are, before anything else is asked."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return where a module is, if it is one of `PACKAGES`."""
        del path
        return PathFinder.find_spec(name, [str(HOME)], target) if name in PACKAGES else None


def refuse_others() -> None:
    """Refuse to go on with a package of somebody else's under one of the names.

    Raises
    ------
    ImportError
        If one has been imported already; says from where.
    """
    for name in PACKAGES:
        for place in getattr(sys.modules.get(name), "__path__", ()):
            if Path(place).resolve() != HOME / name:
                raise ImportError(
                    f"{name} has been imported from {place}, and the suite has a package of that name; import "
                    "tssl_bp_suite before it, or rename that folder"
                )


def main() -> int:
    """Run the command line and return its exit code."""
    from reports.cli import main as run_command_line

    return run_command_line()


refuse_others()
sys.meta_path.insert(0, OwnPackages())

if __name__ == "__main__":
    sys.exit(main())
