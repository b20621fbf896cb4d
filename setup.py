"""Builds the optional C extension; everything else about the package is in pyproject.toml."""

import zlib
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

KERNELS = Path("tssl_core/kernels")
SOURCES = sorted([*KERNELS.glob("*.c"), *KERNELS.glob("*.h")])
CHECKSUM = zlib.crc32(b"".join(path.read_bytes() for path in SOURCES))
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


setup(
    cmdclass={"build_ext": BuildScans},
    ext_modules=[
        Extension(
            "tssl_core.kernels._cpu",
            [str(path) for path in SOURCES if path.suffix == ".c"],
            depends=[str(path) for path in SOURCES],
            define_macros=[("SCAN_SOURCE_CHECKSUM", f"{CHECKSUM}u")],
            optional=True,
        )
    ],
)
