"""The compiled kernels. All else is in pyproject.toml; where there is no compiler, torchlogit is installed without them."""

import platform
import sys
from pathlib import Path

from setuptools import Extension, setup

COMMON = ["-O3", "-g0", "-fopenmp-simd", "-fno-math-errno", "-fno-trapping-math", "-pthread"]
LEVELS = {"base": [], "avx2": ["-march=x86-64-v3"], "avx512": ["-march=x86-64-v4"]}
FOLDER = "src/torchlogit/kernels"


def kernels(level):
    """The same source, compiled for one level of the instruction set; the level is chosen when it is loaded."""
    return Extension(
        f"torchlogit.kernels._{level}",
        sources=[f"{FOLDER}/kernels.c"],
        depends=["setup.py", *map(str, sorted(Path(FOLDER).glob("*.h")))],
        extra_compile_args=[*COMMON, *LEVELS[level]],
        extra_link_args=["-pthread"],
        optional=True,
    )


if sys.platform == "win32":
    levels = []
elif platform.machine() in ("x86_64", "AMD64"):
    levels = list(LEVELS)
else:
    levels = ["base"]
setup(ext_modules=[kernels(level) for level in levels])
