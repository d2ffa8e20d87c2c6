"""Measures a problem: every rival in turn, round after round, at its default stop and at the wanted sub-optimality.

A rival that reaches the target at its default tolerance is tried at looser ones, any other at tighter ones, until the
loosest that reaches it is found. All take turns, so that a slow minute is slow for all, and torchlogit has a turn in
every round.
"""

from __future__ import annotations

import json
import pickle
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.optimum import newton_of_groups, reference
from benchmarks.problems import Problem
from benchmarks.rivals import RIVALS
from benchmarks.rivals.base import Rival
from benchmarks.rivals.plain import READ
from benchmarks.worker import Broken, Late, Worker

ROUNDS = 3
SLOW = 20.0  # seconds from which one run has to do
RESULTS = Path(__file__).resolve().parent / "results"


@dataclass
class Limits:
    """Seconds: of one fit; of all fits of one rival to one problem, after which it has no further turn; and how much
    longer its first call may take, to compile itself.
    """

    fit: float = 60.0
    rival: float = 15.0
    compiling: float = 60.0


@dataclass
class Entrant:
    """A rival at work on a problem, and what has been measured."""

    rival: Rival
    worker: Worker
    limits: Limits
    runs: dict[float, list[dict[str, Any]]] = field(default_factory=dict)
    cold: float | None = None
    spent: float = 0.0
    trouble: str = ""

    def next_tol(self, target: float) -> float | None:
        """The tolerance of the next run; None once everything is measured."""
        patience = self.limits.rival * (4 if self.rival.ours else 1)
        if self.trouble or (self.runs and self.spent > patience):
            return None
        if not self.runs:
            return self.rival.default
        wanted = self._search(target)
        if wanted is not None:
            return wanted
        short = [tol for tol in self.shown(target) if self._missing(tol)]
        return short[-1] if short else None  # the one that reaches the target first

    def _missing(self, tol: float) -> bool:
        warm = [run for run in self.runs[tol] if not run["cold"]]
        return len(warm) < (0 if max(r["seconds"] for r in self.runs[tol]) > SLOW else ROUNDS)

    def _search(self, target: float) -> float | None:
        """The next rung to try: looser while the target is reached, else tighter."""
        ladder = self.rival.ladder
        here = ladder.index(self.rival.default)
        way = -1 if self.reached(self.rival.default, target) else 1
        for rung in ladder[here + way :: way]:
            if rung not in self.runs:
                return rung
            if self.reached(rung, target) != (way < 0):
                return None
        return None

    def reached(self, tol: float, target: float) -> bool:
        return all(run["gap"] <= target for run in self.runs[tol])

    def matched(self, target: float) -> float | None:
        """The loosest tolerance that reaches the target."""
        return max((tol for tol in self.runs if self.reached(tol, target)), default=None)

    def shown(self, target: float) -> list[float]:
        """Tolerances that go into the table: the default, and the one that reaches the target or came nearest."""
        found = self.matched(target)
        if found is None:
            found = min(self.runs, key=lambda tol: self.runs[tol][-1]["gap"])
        return list(dict.fromkeys([self.rival.default, found]))

    def turn(self, problem: Problem, best: Any, tol: float) -> None:
        """One run, judged."""
        try:
            run = self.worker.fit(tol, self.limits.fit + (0 if self.runs else self.limits.compiling))
        except Late:
            self.trouble = f"over {self.limits.fit:.0f} s at tolerance {tol:g}"
            self.worker.close()
        except Broken as error:
            self.trouble = str(error)
        else:
            run["cold"] = not self.runs
            self.spent += run["first"] if self.runs else 0.0
            self.cold = run["first"] if self.cold is None else self.cold
            try:
                run |= judged(problem, best, run.pop("answer"))
                self.runs.setdefault(tol, []).append(run)
            except (ValueError, TypeError) as error:
                self.trouble = f"its answer cannot be judged: {error}"
        if self.trouble:
            self.worker.end()

    def rows(self, target: float) -> list[dict[str, Any]]:
        """What the table tells of this rival."""
        return [self._row(tol, target) for tol in (self.shown(target) if self.runs else [])]

    def _row(self, tol: float, target: float) -> dict[str, Any]:
        runs = [run for run in self.runs[tol] if not run["cold"]] or self.runs[tol]
        every = self.runs[tol]
        return {
            "tol": tol,
            "stop": "default" if tol == self.rival.default else "matched",
            "seconds": [run["seconds"] for run in runs],
            "warm": not runs[0]["cold"],
            "gap": max(run["gap"] for run in every),
            "median_gap": max(run["median_gap"] for run in every),
            "reached": self.reached(tol, target),
            "extra": max((run["extra"] for run in runs if run["extra"] is not None), default=None),
            "others": max((run["others"] for run in runs if run["others"] is not None), default=0.0),
            "error_of_std_error": every[-1].get("error_of_std_error"),
        }


def judged(problem: Problem, best: Any, answer: Any) -> dict[str, Any]:
    """How far an answer is from the optimum: worst and median over the fits of the workload."""
    if answer is None:
        return {"gap": 0.0, "median_gap": 0.0}
    theta = answer["theta"] if isinstance(answer, dict) else answer
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = (problem.values(theta) - best) / best
    gaps = np.where(np.isfinite(gaps), gaps, np.inf)
    found = {"gap": float(gaps.max()), "median_gap": float(np.median(gaps))}
    if isinstance(answer, dict):
        found["error_of_std_error"] = _error_of_std_error(problem, answer["std_error"])
    return found


def _error_of_std_error(problem: Problem, told: Any) -> float:
    """Largest relative error of the standard errors."""
    x = problem.x.reshape(len(told), -1, problem.x.shape[1])
    z = np.concatenate([np.ones_like(x[..., :1]), x], 2)
    _, covariance = newton_of_groups(z, problem.y.reshape(len(told), -1))
    true = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    return float(abs(told / true - 1).max())


class Runner:
    """Keeps the processes of the rivals from problem to problem."""

    def __init__(self, names: Iterable[str], limits: Limits, say: Any = print) -> None:
        self.names, self.limits, self.say = list(names), limits, say
        self.workers: dict[str, Worker] = {}

    def measure(self, problem: Problem, without: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
        """Everything that is told of a problem, ready for JSON. ``without``: who is left out, and why."""
        best, certificate = reference(problem, RESULTS / "optima")
        why = {name: without.get(name) or RIVALS[name].unfit(problem) for name in self.names}
        load = machine.load()
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            file = Path(folder) / "problem"
            file.write_bytes(pickle.dumps(problem, protocol=5))
            entrants = self._entrants([name for name in self.names if not why[name]], file)
            try:
                self._rounds(problem, best, entrants)
            finally:
                for entrant in entrants:
                    entrant.worker.end()
        return self._told(problem, best, certificate, entrants, why, load)

    def _entrants(self, names: list[str], file: Path) -> list[Entrant]:
        for name in names:
            if name not in self.workers or self.workers[name].closed:
                self.workers[name] = Worker(name)
        found = [Entrant(RIVALS[name], self.workers[name], self.limits) for name in names]
        for step in ("begin", "ready"):
            for entrant in found:
                if not entrant.trouble:
                    self._start(entrant, step, file)
        return found

    @staticmethod
    def _start(entrant: Entrant, step: str, file: Path) -> None:
        try:
            entrant.worker.begin(file) if step == "begin" else entrant.worker.ready()
        except Late:
            entrant.trouble = "did not start in time"
            entrant.worker.close()
        except Broken as error:
            entrant.trouble = str(error)

    def _rounds(self, problem: Problem, best: Any, entrants: list[Entrant]) -> None:
        """Turns until nobody has anything left; torchlogit and the yardstick go along while others still do."""
        while True:
            turns = [(e, e.next_tol(problem.target)) for e in entrants]
            waiting = [e for e, tol in turns if tol is not None]
            if not waiting:
                return
            for entrant, tol in turns:
                again = (
                    (entrant.rival.ours or entrant.rival.name == READ) and not entrant.trouble and entrant.spent < 15
                )
                if tol is None and again:
                    tol = entrant.matched(problem.target) or entrant.rival.default
                if tol is not None:
                    entrant.turn(problem, best, tol)
                    self.say(_line(entrant, tol))

    def _told(
        self, problem: Problem, best: Any, certificate: float, entrants: list[Entrant], why: dict[str, str], load: float
    ) -> dict[str, Any]:
        read = next((e for e in entrants if e.rival.name == READ and e.runs), None)
        return {
            "name": problem.name,
            "title": problem.title,
            "kind": problem.kind,
            "goal": problem.goal,
            "ratio": problem.ratio,
            "target": problem.target,
            "fits": len(best),
            "megabytes": problem.megabytes,
            "optimum": float(best[0]) if len(best) == 1 else None,
            "certificate": certificate,
            "load": [load, machine.load()],
            "limits": [self.limits.fit, self.limits.rival],
            "machine": machine.described(),
            "read": read and float(np.median(read.rows(problem.target)[0]["seconds"])),
            "rivals": {e.rival.name: _of(e, problem.target) for e in entrants if e.rival.name != READ},
            "left_out": {name: reason for name, reason in why.items() if reason and name != READ},
        }

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()


def _of(entrant: Entrant, target: float) -> dict[str, Any]:
    rival = entrant.rival
    return {
        "short": rival.short,
        "ours": rival.ours,
        "version": rival.version(),
        "package": rival.package,
        "import": entrant.worker._import,
        "cold": entrant.cold,
        "trouble": entrant.trouble,
        "rows": entrant.rows(target),
    }


def _line(entrant: Entrant, tol: float) -> str:
    if entrant.trouble:
        return f"  {entrant.rival.name:36} {entrant.trouble}"
    run = entrant.runs[tol][-1]
    return f"  {entrant.rival.name:36} tol {tol:<7g} {run['seconds']:>10.5f} s   {run['gap']:9.1e}"


def saved(found: dict[str, Any], quick: bool) -> Path:
    """Write what was measured, and say where."""
    file = RESULTS / f"{'quick-' if quick else ''}{found['name']}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return file
