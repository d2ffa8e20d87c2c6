"""The tables: Markdown for docs/benchmarks.md, and text of 80 columns for the terminal."""

from __future__ import annotations

from typing import Any

from benchmarks.machine import disturbed
from benchmarks.verdict import Entry, Found, Verdict, entries, gap, seconds, verdict

HEAD = """# How long it takes

Every row is the same problem for everyone, down to the last digit of F = Σ ℓ + (1/C) · penalty, intercept free. Each
fitter gets its data in the layout it likes best; neither import, nor conversion, nor compilation is within its time.
All take turns in one run, each in a process of its own, at their default stop and again at the loosest tolerance at which
F is within the stated relative distance of the optimum, (F − F\\*) / F\\*. The optimum comes from a Newton method of the
suite's own, with a duality gap as its certificate. Times are medians of {rounds} or more, of fewer for a fitter that has
had {budget} s in all; a fit over {cap} s is stopped. Where others used more than {busy} of a core beside a fit, or its
runs differ by more than {spread} times, the row says *busy*, and no ratio is given.

{machine}

    make bench            # or: python -m benchmarks --only S1,S3

![Seconds of each fitter, as multiples of torchlogit's, by workload](images/benchmarks.png)

"""

NOTES = """## How to read the tables

* **F**: relative distance to the optimum, the worst of all runs; of a workload of many fits the worst of them, with the
  median in brackets. **—** in *times ours*: the fitter did not reach the target.
* **first call**: the first fit in a fresh process, with whatever it compiles or loads then.
* **extra memory**: how far the process grew during the fit, at its peak, once its libraries are loaded. **reads of X**:
  seconds over those of one X @ w.
* liblinear, LIBLINEAR and snapml penalise the intercept; they are given a large constant column, so that this hardly shows.
* statsmodels has no L2 penalty here: its distance is that of the unpenalised optimum.
"""


def page(results: dict[str, Found]) -> str:
    """The whole page, from the results by name."""
    any_of = next(iter(results.values()))
    from benchmarks.machine import BUSY, SPREAD
    from benchmarks.runner import ROUNDS

    head = HEAD.format(
        budget=f"{any_of['limits'][1]:.0f}",
        rounds=ROUNDS,
        cap=f"{any_of['limits'][0]:.0f}",
        busy=BUSY,
        spread=SPREAD,
        machine=_machine(any_of),
    )
    parts = [head, summary(results), NOTES, *map(workload, results.values()), versions(results)]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _machine(found: Found) -> str:
    m = found["machine"]
    libraries = ", ".join(f"{name} {number}" for name, number in m["versions"].items())
    return f"{m['processor']}, {m['cores']} cores; {m['system']}; {libraries}; measured {m['date']}."


def summary(results: dict[str, Found]) -> str:
    """One line a workload: ours, the best rival at the target, what was to be reached."""
    lines = [
        "## Summary",
        "",
        "| # | workload | torchlogit | best rival at the target | ratio | to be reached | reached |",
    ]
    lines.append("|---|---|---|---|---|---|---|")
    for name, found in results.items():
        v = verdict(found, results)
        cells = [name, found["title"], *_sides(v), found["goal"], _reached(v)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _sides(v: Verdict) -> list[str]:
    ours = seconds(v.ours.seconds) if v.ours else "—"
    best = f"{seconds(v.best.seconds)} ({v.best.name})" if v.best else "—"
    return [f"**{ours}**", best, "busy" if v.busy else f"{v.ratio:.2g}" if v.ratio else "—"]


def _reached(v: Verdict) -> str:
    told = "; ".join(f"{text}{'' if passed else ' (no)'}" for text, passed in v.checks)
    if v.busy:
        return "busy"
    return {None: "—", True: "yes", False: "**no**"}[v.reached] + (f": {told}" if told else "")


def workload(found: Found) -> str:
    """The table of one workload."""
    title = f"## {found['name']}: {found['title']}"
    lines = [
        title,
        "",
        _beside(found),
        "",
        "| fitter | tolerance | time | spread | F | times ours | extra MB | reads | first call |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    v = verdict(found, {})
    lines += [f"| {' | '.join(_cells(found, entry, v))} |" for entry in entries(found)]
    troubled = [f"{name}: {r['trouble']}" for name, r in found["rivals"].items() if r["trouble"]]
    return "\n".join([*lines, "", *_absent(found, troubled)]) + "\n"


def _beside(found: Found) -> str:
    begin, end = found["load"]
    read = f" One X @ w takes {seconds(found['read'])}." if found["read"] else ""
    size = f"X has {found['megabytes']:.0f} MB." if found["megabytes"] >= 1 else ""
    target = f"Target {found['target']:.0e}; F\\* is certified to {found['certificate']:.0e}."
    return f"{target} {size}{read} Load average {begin:.1f} before, {end:.1f} after (our own included)."


def _cells(found: Found, entry: Entry, v: Verdict) -> list[str]:
    row, rival = entry.row, entry.rival
    runs = row["seconds"]
    many = f" ({gap(row['median_gap'])})" if found["fits"] > 1 else ""
    extra = "" if row["extra"] is None else f"{row['extra']:.0f}"
    if extra and found["megabytes"] > 50:
        extra += f" ({row['extra'] / found['megabytes']:.0%} of X)"
    name = f"**{entry.name}**" if rival["ours"] else entry.name
    spread = f"{max(runs) / min(runs):.2f}" if len(runs) > 1 else "one run"
    spread += " of two" if len(runs) == 2 else ""
    reads = f"{entry.seconds / found['read']:.1f}" if found["read"] else ""
    stop = f"{row['tol']:.0e}" + (", its default" if row["stop"] == "default" else "")
    cold = "" if rival["cold"] is None else seconds(rival["cold"])
    return [name, stop, seconds(entry.seconds), spread, gap(row["gap"]) + many, times(entry, v), extra, reads, cold]


def times(entry: Entry, v: Verdict) -> str:
    """How many times ours a fitter takes, unless others were at work or it is not at the target."""
    if not entry.row["reached"] or v.ours is None:
        return "—"
    if disturbed(entry.row) or disturbed(v.ours.row):
        return "busy"
    return f"{entry.seconds / v.ours.seconds:.2g}"


def _absent(found: Found, troubled: list[str]) -> list[str]:
    told = {
        name: why for name, why in found["left_out"].items() if why != "another door" and not why.startswith("only for")
    }
    out = "; ".join(troubled + [f"{name}: {why}" for name, why in told.items()])
    return [f"Not in the table, or not to the end: {out}.", ""] if out else []


def versions(results: dict[str, Found]) -> str:
    """Who was measured: version, and time of the import."""
    seen: dict[str, tuple[str, float]] = {}
    for found in results.values():
        for rival in found["rivals"].values():
            before = seen.get(rival["package"], ("", float("inf")))[1]
            seen[rival["package"]] = (rival["version"], min(before, rival["import"] or float("inf")))
    lines = ["## Versions and imports", "", "| package | version | import |", "|---|---|---|"]
    lines += [f"| {p} | {v} | {seconds(s) if 1e-3 < s < 1e9 else '—'} |" for p, (v, s) in sorted(seen.items())]
    return "\n".join(lines) + "\n"


def terminal(found: Found) -> str:
    """A workload in 80 columns."""
    v = verdict(found, {})
    lines = [
        f"{found['name']}  {found['title']}"[:80],
        f"  {'':35}{'time':>10}{'spread':>8}{'F':>10}{'times ours':>12}",
    ]
    for entry in entries(found):
        runs, row = entry.row["seconds"], entry.row
        cells = (seconds(entry.seconds), f"{max(runs) / min(runs):.2f}", gap(row["gap"]), times(entry, v))
        lines.append("  {:35}{:>10}{:>8}{:>10}{:>12}".format(entry.name[:34], *cells))
    lines += [f"  {name}: {r['trouble']}"[:80] for name, r in found["rivals"].items() if r["trouble"]]
    return "\n".join(lines)


def ordered(found: list[Found]) -> dict[str, Found]:
    """Results by name: S1 … S10, then the real data."""

    def place(result: Found) -> tuple[Any, ...]:
        name, _, rest = result["name"].partition("-")
        return name[0] != "S", int(name[1:]), bool(rest), int(rest) if rest.isdigit() else 0, rest

    return {result["name"]: result for result in sorted(found, key=place)}
