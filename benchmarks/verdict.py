"""What measurements say: who is fastest at the target, by how much, and whether what was to be reached is reached."""

from __future__ import annotations

from statistics import median
from typing import Any, NamedTuple

from benchmarks.machine import disturbed

Found = dict[str, Any]


class Entry(NamedTuple):
    """One line of a workload: a fitter at one tolerance."""

    name: str
    rival: Found
    row: Found

    @property
    def seconds(self) -> float:
        return median(self.row["seconds"])


class Verdict(NamedTuple):
    """Ours and the best rival, each at its loosest tolerance that reaches the target; None where nobody does."""

    ours: Entry | None
    best: Entry | None
    ratio: float | None  # ours over theirs
    busy: bool
    checks: list[tuple[str, bool]]  # what was to be reached, and is it

    @property
    def reached(self) -> bool | None:
        """None where it cannot be told: nothing to compare with, or the machine was busy."""
        return None if self.busy or not self.checks else all(passed for _, passed in self.checks)


def entries(found: Found) -> list[Entry]:
    """All lines, ours first, then from fast to slow; those that do not reach the target last."""
    lines = [Entry(name, rival, row) for name, rival in found["rivals"].items() for row in rival["rows"]]
    return sorted(lines, key=lambda e: (not e.rival["ours"], not e.row["reached"], e.seconds))


def verdict(found: Found, others: dict[str, Found]) -> Verdict:
    """``others``: every workload by name, because one goal compares two."""
    at_target = [entry for entry in entries(found) if entry.row["reached"]]
    ours = next((entry for entry in _by_door(at_target) if entry.rival["ours"]), None)
    best = next((entry for entry in at_target if not entry.rival["ours"] and _counts(found, entry)), None)
    ratio = ours.seconds / best.seconds if ours and best else None
    busy = any(disturbed(entry.row) for entry in (ours, best) if entry)
    return Verdict(ours, best, ratio, busy, _checks(found, others, ours, best) if ours else [])


def _by_door(lines: list[Entry]) -> list[Entry]:
    """The estimator before other doors, a fast tolerance before a slow one."""
    return sorted(lines, key=lambda e: (e.name != "torchlogit", e.seconds))


def _counts(found: Found, entry: Entry) -> bool:
    """Whom a workload is to be compared with: on images scikit-learn's lbfgs, on tiny tables scikit-learn, else all."""
    theirs = {"S4": "scikit-learn lbfgs", "R1": "scikit-learn lbfgs", "S8": "scikit-learn"}
    return entry.name.startswith(theirs.get(found["name"].split("-")[0], ""))


def _checks(found: Found, others: dict[str, Found], ours: Entry, best: Entry | None) -> list[tuple[str, bool]]:
    name, checks = found["name"], []
    if best and name != "S9" and name != "S6-single":
        ratio = ours.seconds / best.seconds
        checks.append((f"{ratio:.2g} of {best.name}", ratio <= found["ratio"]))
    if name == "S1":
        checks += _first(found, ours)
    if name == "S2-float32" and "S2" in others and (double := verdict(others["S2"], {}).ours):
        share = ours.seconds / double.seconds
        checks.append((f"{share:.2g} of our float64", share <= 0.6))
    if name == "S6-single":
        checks.append((f"{seconds(ours.seconds)}, first call {seconds(ours.rival['cold'])}", ours.seconds <= 0.1))
    if name.startswith("S8"):
        checks += [(f"fit() {seconds(e.seconds)}", e.seconds <= 1e-3) for e in _function(found)]
    if name == "S9":
        each = ours.seconds / found["fits"]
        checks.append((f"{each * 1e6:.0f} µs a fit", each <= 25e-6))
    if name == "S10" and best:
        checks.append((f"worst {gap(ours.row['gap'])} to {gap(best.row['gap'])}", ours.row["gap"] <= found["target"]))
    return checks


def _first(found: Found, ours: Entry) -> list[tuple[str, bool]]:
    """Of S1: reads of X, extra memory, the first call."""
    checks = []
    if found["read"]:
        reads = ours.seconds / found["read"]
        checks.append((f"{reads:.1f} reads", reads <= 8))
    if ours.row["extra"] is not None:
        share = ours.row["extra"] / found["megabytes"]
        checks.append((f"{share:.0%} of X in extra memory", share <= 0.1))
    theirs = [entry.seconds for entry in entries(found) if not entry.rival["ours"] and entry.row["reached"]]
    cold = ours.rival["cold"]
    return [*checks, (f"first call {seconds(cold)}", cold <= min(theirs, default=cold))]


def _function(found: Found) -> list[Entry]:
    return [e for e in entries(found) if e.name == "torchlogit.fit" and e.row["reached"]][:1]


def seconds(value: float) -> str:
    """Three digits with a unit."""
    size, unit = (1.0, "s") if value >= 1 else (1e-3, "ms") if value >= 1e-3 else (1e-6, "µs")
    number = value / size
    return f"{number:.{0 if number >= 100 else 1 if number >= 10 else 2}f} {unit}"


def gap(value: float) -> str:
    """A relative distance to the optimum."""
    return "< 1e-14" if value < 1e-14 else f"{value:.0e}"
