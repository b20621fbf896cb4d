"""Builds the optional C extensions; everything else about the package is in pyproject.toml."""

import zlib
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

SHARED = Path("tssl_core/kernels")
FOLDERS = (SHARED, Path("baselines/neurons"))
# Neither flag on floating-point changes a result, and contraction, which would, is off: spikes are to be exact.
FLAGS = ["-std=c11", "-O3", "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]


class BuildScans(build_ext):
    """Compile with OpenMP where the compiler has it."""

    def build_extension(self, ext: Extension) -> None:
        """Compile `ext`, and once more without OpenMP if that fails."""
        ext.extra_compile_args, ext.extra_link_args = [*FLAGS, "-fopenmp"], ["-fopenmp"]
        try:
            super().build_extension(ext)
        except (CompileError, LinkError):
            ext.extra_compile_args, ext.extra_link_args = [*FLAGS, "-Wno-unknown-pragmas"], []
            super().build_extension(ext)


def scans(folder: Path) -> Extension:
    """Make one extension of a folder's C files and of what all scans share."""
    sources = {
        path.name: path
        for path in (*(SHARED / name for name in ("scan.c", "scan.h", "layer.h")), *folder.glob("*.[ch]"))
    }
    checksum = zlib.crc32(b"".join(sources[name].read_bytes() for name in sorted(sources)))
    return Extension(
        ".".join((*folder.parts, "_cpu")),
        [str(path) for _, path in sorted(sources.items()) if path.suffix == ".c"],
        depends=[str(path) for path in sources.values()],
        include_dirs=[str(SHARED)],
        define_macros=[("SCAN_SOURCE_CHECKSUM", f"{checksum}u")],
        optional=True,
    )


setup(cmdclass={"build_ext": BuildScans}, ext_modules=[scans(folder) for folder in FOLDERS if any(folder.glob("*.c"))])
