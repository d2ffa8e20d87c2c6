"""``python -m benchmarks``: measure, then write docs/benchmarks.md and its picture."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE, PICTURE = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "images" / "benchmarks.png"
LEFT_TO_THE_FULL = {  # workloads that the quick version has not: each costs it twenty seconds, mostly of imports
    *("S2", "S2-float32", "S3-frame", "S4-C1", "S6-bare", "S6-single", "S7-elastic", "S8-3", "S8-1000", "R1", "R2"),
}
COMPILES = "skglm"  # for ten seconds, before its first fit of a kind
QUICK_NOTE = "the quick version: small sizes, nothing to quote"


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, under three minutes, to the terminal only")
    parser.add_argument("--only", default="", help="workloads, by the beginning of their names: S1,S8")
    parser.add_argument("--rivals", default="", help="fitters, by a part of their names: glum,newton; ours always")
    parser.add_argument("--page", action="store_true", help="measure nothing: write the page from what is there")
    parser.add_argument("--optima", action="store_true", help="only work out the reference optima, some take minutes")
    parser.add_argument("--gpu", action="store_true", help="the GPU mode")
    parser.add_argument("--cap", type=float, help="seconds after which a fit is stopped (60; quick: 2)")
    parser.add_argument("--budget", type=float, help="seconds of fits of one rival to one workload (15; quick: 0.5)")
    return parser.parse_args(arguments)


def chosen(asked: argparse.Namespace) -> list[str]:
    """Names of workloads."""
    from benchmarks.problems import problems

    wanted = [part for part in asked.only.split(",") if part]
    names = [name for name in problems() if not wanted or any(_is(name, part) for part in wanted)]
    if not names:
        sys.exit(f"no workload is called {asked.only}: there are {', '.join(problems())}")
    quick = asked.quick and not wanted
    return [name for name in ordered_names(names) if not (quick and name in LEFT_TO_THE_FULL)]


def _is(name: str, part: str) -> bool:
    """S1 is S1, not S10; S8 is all of S8."""
    return name == part or name.startswith(f"{part}-")


def ordered_names(names: list[str]) -> list[str]:
    from benchmarks.table import ordered

    return list(ordered([{"name": name} for name in names]))


def fitters(asked: argparse.Namespace) -> list[str]:
    """Names of those who take part: whoever is named, and torchlogit and the yardstick always."""
    from benchmarks.rivals import RIVALS
    from benchmarks.rivals.plain import READ

    parts = [part.lower() for part in asked.rivals.split(",") if part]
    named = [n for n, r in RIVALS.items() if r.ours or n == READ or not parts or any(p in n.lower() for p in parts)]
    return named


def optima(asked: argparse.Namespace) -> None:
    """The reference optima of the workloads, kept for the next time."""
    from benchmarks.generators import Absent
    from benchmarks.optimum import reference
    from benchmarks.problems import problems
    from benchmarks.runner import RESULTS

    for name in chosen(asked):
        begin = perf_counter()
        try:
            _, certificate = reference(problems()[name](asked.quick), RESULTS / "optima")
            print(f"{name}: certified to {certificate:.0e}, {perf_counter() - begin:.0f} s", flush=True)
        except Absent as absent:
            print(f"{name}: skipped, {absent}", flush=True)


def measure(asked: argparse.Namespace) -> None:
    """Each workload in turn; what is found is on disk as soon as it is found."""
    from benchmarks.generators import Absent
    from benchmarks.problems import problems
    from benchmarks.runner import Limits, Runner, saved
    from benchmarks.table import terminal

    quick = asked.quick
    limits = Limits(asked.cap or (2 if quick else 60), asked.budget or (0.5 if quick else 15), 30 if quick else 60)
    runner = Runner(fitters(asked), limits, say=_progress)
    begin = perf_counter()
    try:
        for name in chosen(asked):
            try:
                problem = problems()[name](quick)
            except Absent as absent:
                print(f"{name}: skipped, {absent}\n", flush=True)
                continue
            without = {COMPILES: "compiles too long for the quick version"}
            found = runner.measure(problem, without if quick else {})
            saved(found, quick)
            _progress("")
            print(terminal(found), end="\n\n", flush=True)
    finally:
        runner.close()
    print(f"{perf_counter() - begin:.0f} s in all; {QUICK_NOTE if quick else 'results in benchmarks/results'}")


def _progress(line: str) -> None:
    """One line that is written over, where someone is looking."""
    if sys.stderr.isatty():
        print(f"\r{line[:79]:79}\r", end="", file=sys.stderr, flush=True)


def write_page() -> None:
    """docs/benchmarks.md and its picture, from the results on disk."""
    from benchmarks import gpu
    from benchmarks.figure import draw
    from benchmarks.runner import RESULTS
    from benchmarks.table import ordered, page

    results = ordered(results_in(RESULTS))
    if not results:
        sys.exit("nothing has been measured yet: python -m benchmarks")
    PAGE.write_text(page(results) + gpu.section(RESULTS), encoding="utf-8")
    draw(results, PICTURE)
    print(f"wrote {PAGE.relative_to(ROOT)} and {PICTURE.relative_to(ROOT)}")


def results_in(folder: Path) -> list[dict[str, Any]]:
    """Full results only."""
    return [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("[SR]*.json")]


def main(arguments: list[str] | None = None) -> None:
    asked = parsed(arguments)
    if asked.gpu:
        from benchmarks import gpu

        gpu.main(asked.quick)
        return
    if asked.optima:
        optima(asked)
        return
    if not asked.page:
        from benchmarks.machine import BUSY, cores, load

        state = "busy" if load() > BUSY * cores() * 3 else "quiet"
        print(f"{cores()} cores, load average {load():.2f}: {state}\n")
        measure(asked)
    if not asked.quick:
        write_page()


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
