"""Interleaved timings at a stated distance to the optimum; on a busy machine no ratio is given.

Everyone runs once to warm up and then ``ROUNDS`` times, in turn, so that a slow minute is slow for all. The optimum is
the least F that anyone reached, torchlogit at a far smaller tolerance among them. ``python -m benchmarks``
"""

from __future__ import annotations

import os
import platform
import statistics
import warnings
from collections.abc import Callable
from importlib.metadata import version
from time import perf_counter

from benchmarks.workloads import Answer, Workload, ours, workloads

ROUNDS = 3
BUSY = 0.5  # load a core, before anything runs, from which the machine is busy
SPREAD = 1.5  # slowest over fastest run of the same fit from which timings mean little
PACKAGES = ("torchlogit", "torch", "scikit-learn", "statsmodels", "numpy")


def timed(fit: Callable[[Workload], Answer], of: Workload) -> tuple[float, float]:
    """Seconds of one fit, and the F it reached."""
    begin = perf_counter()
    answer = fit(of)
    seconds = perf_counter() - begin
    return seconds, of.objective(answer)


def measure(of: Workload) -> dict[str, tuple[list[float], float]]:
    """Seconds of each round and relative sub-optimality, (F − F*) / F*, by fitter."""
    fitters = {"torchlogit": ours, **of.rivals}
    runs = {name: [timed(fit, of)] for name, fit in fitters.items()}  # the warm-up
    for _ in range(ROUNDS):
        for name, fit in fitters.items():
            runs[name].append(timed(fit, of))
    best = min(of.objective(ours(of, 1e-14)), *(value for run in runs.values() for _, value in run))
    return {name: ([s for s, _ in run[1:]], max(v for _, v in run) / best - 1) for name, run in runs.items()}


def lines(found: dict[str, tuple[list[float], float]], quiet: bool) -> list[str]:
    """A table; a ratio only on a quiet machine and only against who is not nearer to the optimum than we are."""
    (mine, own_gap), out = found["torchlogit"], []
    out.append(f"{'':28}{'median s':>10}{'spread':>8}{'sub-optimality':>16}{'times ours':>12}")
    for name, (seconds, gap) in found.items():
        spread = max(seconds) / min(seconds)
        steady = quiet and max(spread, max(mine) / min(mine)) < SPREAD
        ratio = statistics.median(seconds) / statistics.median(mine)
        told = f"{ratio:.1f}" if steady else "unsteady"
        told = told if gap >= own_gap or max(gap, own_gap) < 1e-14 else "nearer"
        shown = f"{gap:.0e}" if gap >= 1e-15 else "< 1e-15"
        out.append(f"{name:28}{statistics.median(seconds):>10.4f}{spread:>8.2f}{shown:>16}{told:>12}")
    return out


def main() -> None:
    """Say what the machine is and how busy, then measure."""
    import torch

    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    quiet = load < BUSY * cores
    print(", ".join(f"{name} {version(name)}" for name in PACKAGES), f"\n{platform.machine()}, {cores} cores,", end=" ")
    print(f"{torch.get_num_threads()} threads, load average {load:.2f}: {'quiet' if quiet else 'busy, so no ratios'}")
    warnings.simplefilter("ignore")
    for workload in workloads():
        print(f"\n{workload.name}", *lines(measure(workload), quiet), sep="\n", flush=True)
    print(f"\nload average at the end {os.getloadavg()[0]:.2f} (of that up to {cores} is our own)")


if __name__ == "__main__":
    main()
