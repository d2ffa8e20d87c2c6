"""The benchmark suite itself: F, the reference optima, the adapters, the search for a tolerance, and what the page says."""

import json
import math
import mmap
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import __main__ as command  # noqa: E402
from benchmarks import figure, generators, machine, runner, table, verdict  # noqa: E402
from benchmarks.optimum import duality_gap, newton_of_groups, optimum, reference  # noqa: E402
from benchmarks.problems import Problem, problems  # noqa: E402
from benchmarks.rivals import RIVALS  # noqa: E402
from benchmarks.rivals.scikit_learn import Solver  # noqa: E402
from benchmarks.runner import Entrant, Limits, Runner, judged  # noqa: E402
from benchmarks.worker import Broken, Late  # noqa: E402


def small(**more):
    return Problem("T", "a small table", generators.tall(400, 5, seed=0, log_odds=-0.5), **more)


def digits():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return Problem("T", "digits", {"x": (x[:150] / 16).astype("f4"), "y": y[:150].astype(np.int64)}, c=0.1)


def lasso(intercept=True):
    return Problem("T", "lasso", generators.few_true(150, 40, 4, seed=1), l1_ratio=1.0, share=0.1, intercept=intercept)


def elastic():
    return Problem("T", "wide", generators.few_true(60, 200, 5, seed=1), l1_ratio=0.5, share=0.1)


def grouped():
    return Problem("T", "groups", generators.grouped(6, 300, 3), c=math.inf, kind="many")


# Who reaches less, and why: no penalty, a penalised intercept, float32.
LOOSE = {"statsmodels Logit": 0.02, "scikit-learn liblinear": 1e-4, "LIBLINEAR": 1e-4, "snapml": 1e-4}
ABSENT = {"glmnet"}  # a process of R for each fit takes long


def test_f_of_known_answers():
    problem = small(c=0.5, l1_ratio=0.25)
    theta = np.zeros((6, 1))
    assert problem.values(theta) == pytest.approx([400 * math.log(2)], rel=1e-15)
    theta[0] = 1e3
    assert problem.values(theta) == pytest.approx([1e3 * (problem.y == 0).sum()], rel=1e-12)
    theta = np.array([[1e3], [0], [0], [3], [0], [-4]])
    rows = problem.part(0.0).value(theta)
    assert problem.values(theta)[0] - rows == pytest.approx(2 * (0.25 * 7 + 0.75 * 12.5), rel=1e-9)


def test_f_of_a_softmax_is_a_log_of_classes():
    problem = digits()
    assert problem.values(np.zeros((65, 10))) == pytest.approx([150 * math.log(10)], rel=1e-15)


def test_a_path_begins_where_all_slopes_are_zero():
    problem = Problem("T", "", generators.few_true(150, 40, 4, seed=1), l1_ratio=1.0, kind="path", n_strengths=5)
    thetas = [optimum(part) for part in problem.parts()]
    assert not thetas[0][1:].any()
    assert thetas[1][1:].any()
    assert problem.strengths[-1] / problem.strengths[0] == pytest.approx(0.01)


def test_categories_have_a_column_a_level():
    arrays = generators.categorical(500, (7, 3))
    assert Problem("T", "", arrays).x[:, 4:].sum(1).min() == 2
    assert Problem("T", "", arrays, drop_first=True).x.shape[1] == Problem("T", "", arrays).x.shape[1] - 2


def test_folds_are_those_of_scikit_learn():
    problem = Problem("T", "", generators.tall(100, 2, seed=0, log_odds=0), kind="cv", n_strengths=3)
    parts = list(problem.parts())
    assert len(parts) == 15
    assert {len(part.y) for part in parts} == {80}
    assert [part.l2 for part in parts[:3]] == pytest.approx([1e4, 1, 1e-4])


@pytest.mark.parametrize(
    "problem", [small(), digits(), lasso(), lasso(intercept=False), elastic()], ids=lambda p: p.title
)
def test_the_reference_is_an_optimum_and_its_certificate_a_bound(problem):
    part = problem.part()
    theta = optimum(part)
    best = part.value(theta)
    assert -1e-14 < duality_gap(part, theta) / best < 1e-13
    rng = np.random.default_rng(0)
    for size in (1e-6, 1e-3):
        away = theta * (1 + size * rng.standard_normal(theta.shape))
        assert part.value(away) >= best
        assert duality_gap(part, away) >= part.value(away) - best


def test_the_reference_agrees_with_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    problem = small()
    theta = optimum(problem.part())
    model = LogisticRegression(tol=1e-12, solver="newton-cholesky").fit(problem.x, problem.y)
    np.testing.assert_allclose(theta[1:, 0], model.coef_[0], rtol=1e-8)
    np.testing.assert_allclose(theta[0], model.intercept_, rtol=1e-8)


def test_many_fits_agree_with_statsmodels():
    import statsmodels.api as sm

    problem = grouped()
    z = np.hstack([np.ones((300, 1)), problem.x[:300]])
    theta, covariance = newton_of_groups(z[None], problem.y[None, :300])
    model = sm.Logit(problem.y[:300], z).fit(disp=0, tol=1e-12)
    np.testing.assert_allclose(theta[0], model.params, rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance[0])), model.bse, rtol=1e-9)


def test_references_are_kept_by_what_the_problem_is(tmp_path):
    best, certificate = reference(small(), tmp_path)
    assert certificate < 1e-13
    (kept,) = tmp_path.glob("T-*.json")
    kept.write_text(json.dumps({"best": [1.0], "certificate": 0.0}))
    assert reference(small(), tmp_path)[0] == [1.0]
    assert reference(small(c=2.0), tmp_path)[0] != best


MAKERS = {"small": small, "digits": digits, "lasso": lasso, "elastic": elastic, "grouped": grouped}
HERE = [(n, make) for make, f in MAKERS.items() for n, r in RIVALS.items() if n not in ABSENT and not r.unfit(f())]


@pytest.mark.parametrize(("name", "make"), HERE)
def test_every_rival_that_is_here_reaches_the_same_f(name, make, tmp_path):
    rival, problem = RIVALS[name], MAKERS[make]()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = rival.answer(problem, rival.fit(problem, rival.prepare(problem), rival.ladder[-2]))
    found = judged(problem, reference(problem, tmp_path)[0], answer)
    limit = {"grouped": 1e-7, "digits": 1e-6}.get(make, LOOSE.get(name, 1e-7))
    assert -1e-13 < found["gap"] < limit
    assert found.get("error_of_std_error", 0) < 1e-4


def test_a_wrong_standard_error_is_found():
    problem = grouped()
    x = problem.x.reshape(6, 300, 3)
    theta, covariance = newton_of_groups(np.concatenate([np.ones_like(x[..., :1]), x], 2), problem.y.reshape(6, 300))
    error = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)).copy()
    best = problem.values(theta[..., None])
    assert judged(problem, best, {"theta": theta[..., None], "std_error": error})["error_of_std_error"] < 1e-12
    error[3, 1] *= 1.01
    assert judged(problem, best, {"theta": theta[..., None], "std_error": error})[
        "error_of_std_error"
    ] == pytest.approx(0.01)


def test_an_answer_that_is_not_finite_is_no_answer():
    problem = small()
    assert judged(problem, np.ones(1), np.full((6, 1), np.nan))["gap"] == math.inf


class Pretender:
    """A worker whose fit at tolerance t is at distance t of the optimum, and takes pace/t seconds."""

    def __init__(self, problem, least=0.0, late=0.0, pace=1e-4):
        self.problem, self.least, self.late, self.pace = problem, least, late, pace
        self.asked, self._import = [], 0.0
        self.theta = optimum(problem.part())
        self.best = problem.values(self.theta)

    def fit(self, tol, cap):
        self.asked.append(tol)
        if tol < self.late:
            raise Late
        goal, theta = self.best * (1 + max(tol, self.least)), self.theta.copy()
        low, high = 0.0, 100.0
        for _ in range(200):
            theta[0], middle = self.theta[0] + (low + high) / 2, (low + high) / 2
            low, high = (middle, high) if self.problem.values(theta) < goal else (low, middle)
        seconds = self.pace / tol
        return {"seconds": seconds, "first": seconds, "extra": 1.0, "others": 0.0, "answer": theta}

    def end(self):
        pass

    close = end


def run(worker, default, target, limits=None):
    rival = Solver("lbfgs")
    rival.ladder, rival.default = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5), default
    entrant = Entrant(rival, worker, limits or Limits(1e9, 1e9))
    while (tol := entrant.next_tol(target)) is not None:
        entrant.turn(worker.problem, worker.best, tol)
    return entrant


@pytest.mark.parametrize("default", [1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
def test_the_loosest_tolerance_that_reaches_the_target_is_found(default):
    entrant = run(Pretender(small()), default, 2e-3)
    assert entrant.matched(2e-3) == 1e-3
    assert entrant.shown(2e-3) == list(dict.fromkeys([default, 1e-3]))
    for tol in entrant.shown(2e-3):
        assert len([one for one in entrant.runs[tol] if not one["cold"]]) == runner.ROUNDS
    row = entrant.rows(2e-3)[-1]
    assert row["reached"]
    assert row["seconds"] == [0.1] * 3


def test_who_cannot_reach_the_target_is_shown_at_the_nearest():
    entrant = run(Pretender(small(), least=5e-3), 1e-2, 2e-3)
    assert entrant.matched(2e-3) is None
    assert not any(row["reached"] for row in entrant.rows(2e-3))


def test_a_fit_over_the_cap_ends_a_rivals_turns():
    worker = Pretender(small(), late=2e-3)
    entrant = run(worker, 1e-2, 2e-3, Limits(7.0, 1e9))
    assert entrant.trouble == "over 7 s at tolerance 0.001"
    assert worker.asked == [1e-2, 1e-3]
    assert [row["tol"] for row in entrant.rows(2e-3)] == [1e-2]


def test_a_slow_fit_is_run_once_and_a_budget_is_kept():
    worker = Pretender(small(), pace=1e-3)
    run(worker, 1e-5, 2e-5)  # 100 s a fit
    assert worker.asked == [1e-5, 1e-4]
    worker = Pretender(small(), pace=1e-3)
    run(worker, 1e-3, 2e-3, Limits(1e9, 1.5))  # 1 s a fit; the first call does not count
    assert len(worker.asked) < 6


def found(name="S1", *, ours=0.5, best=6.0, others=0.0, spread=1.0, reached=True):
    def row(seconds, gap, stop="default"):
        return {
            "tol": 1e-4, "stop": stop, "seconds": [seconds, seconds * spread, seconds], "warm": True, "gap": gap,
            "median_gap": gap, "reached": gap <= 1e-8, "extra": 4.0, "others": others, "error_of_std_error": None,
        }  # fmt: skip

    def rival(mine, cold, *rows):
        return {
            "short": "x", "ours": mine, "version": "1.0", "package": "p", "import": 1.0, "cold": cold, "trouble": "",
            "rows": list(rows),
        }  # fmt: skip

    return {
        "name": name, "title": "dense, L2, C = 1", "kind": "single", "goal": "≤ 1/10", "ratio": 0.1, "target": 1e-8,
        "fits": 1, "megabytes": 400.0, "optimum": 1.0, "certificate": 1e-15, "load": [0.1, 1.0], "limits": [60, 40],
        "machine": machine.described(), "read": 0.1,
        "rivals": {
            "torchlogit": rival(True, 0.9, row(ours, 1e-9 if reached else 1e-7)),
            "fast but short": rival(False, 0.2, row(0.1, 1e-3)),
            "sound": rival(False, 9.0, row(3.0, 1e-6), row(best, 1e-10, "matched")),
        },
        "left_out": {"other": "two classes only"},
    }  # fmt: skip


def test_only_who_reaches_the_target_is_compared_with():
    v = verdict.verdict(found(), {})
    assert (v.best.name, v.best.seconds, v.reached) == ("sound", 6.0, True)
    assert v.ratio == pytest.approx(1 / 12)
    assert verdict.verdict(found(best=4.0), {}).reached is False
    assert verdict.verdict(found(reached=False), {}).ours is None


def test_what_is_to_be_reached_on_the_first_workload():
    texts = dict(verdict.verdict(found(), {}).checks)
    assert texts == {
        "0.083 of sound": True,
        "5.0 reads": True,
        "1% of X in extra memory": True,
        "first call 900 ms": True,
    }
    slow = dict(verdict.verdict(found(ours=0.9, best=0.8), {}).checks)
    assert slow["9.0 reads"] is False
    assert slow["first call 900 ms"] is False


@pytest.mark.parametrize("disturbance", [{"others": 0.5}, {"spread": 2.0}])
def test_a_busy_machine_gets_no_ratio(disturbance):
    busy = found(**disturbance)
    v = verdict.verdict(busy, {})
    assert v.busy
    assert v.reached is None
    assert {table.times(entry, v) for entry in verdict.entries(busy)} == {"busy", "—"}
    line = next(line for line in table.summary({"S1": busy}).splitlines() if line.startswith("| S1"))
    assert line.split(" | ")[4:] == ["busy", "≤ 1/10", "busy |"]
    assert "| 12 |" in table.workload(found())
    assert "| 12 |" not in table.workload(busy)


def test_work_beside_a_fit_is_seen():
    watch = machine.Watch()
    if watch.all is None:
        pytest.skip("this system does not tell")
    watch.own += 5.0  # as if five of the seconds since were not ours
    assert watch.others(1.0) >= 4.0
    assert watch.others(0.01) is None


def test_peak_memory_is_seen():
    memory = machine.Memory()
    if memory.before is None:
        pytest.skip("this system does not tell")
    with mmap.mmap(-1, 40_000_000) as pages:  # new ones: an array may lie where another has been
        for at in range(0, len(pages), mmap.PAGESIZE):
            pages[at] = 1
    assert 35 < memory.extra() < 80


def test_the_page_is_written_from_json(tmp_path, monkeypatch):
    for name in ("S10", "S2", "R1"):
        (tmp_path / f"{name}.json").write_text(json.dumps(found(name)), encoding="utf-8")
    (tmp_path / "quick-S1.json").write_text(json.dumps(found("S1")), encoding="utf-8")
    monkeypatch.setattr(runner, "RESULTS", tmp_path)
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(command, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(command, "PICTURE", tmp_path / "picture.png")
    command.main(["--page"])
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    headings = [line.split(":")[0] for line in text.splitlines() if line.startswith("## ") and ":" in line]
    assert headings == ["## S2", "## S10", "## R1"]
    assert "| fast but short | 1e-04, its default | 100 ms | 1.00 | 1e-03 | — |" in text
    assert "Not in the table, or not to the end: other: two classes only." in text
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_a_rival_is_drawn_once_and_hollow_if_it_stops_short():
    marks = {entry.name: (ratio, entry.row["reached"]) for ratio, entry in figure.chosen(found())}
    assert marks == {"fast but short": (pytest.approx(0.2), False), "sound": (pytest.approx(12.0), True)}


def test_names_on_the_command_line():
    quick = command.chosen(command.parsed(["--quick"]))
    assert set(quick) == set(problems()) - command.LEFT_TO_THE_FULL
    assert command.chosen(command.parsed(["--only", "S1,S8"])) == ["S1", "S8-3", "S8-100", "S8-1000"]
    with pytest.raises(SystemExit, match="no workload is called S99"):
        command.chosen(command.parsed(["--only", "S99"]))
    named = command.fitters(command.parsed(["--rivals", "glum"]))
    assert {name for name in named if not RIVALS[name].ours} == {"glum", "glum, categorical matrix", "one X @ w"}


def test_the_terminal_has_eighty_columns():
    assert max(map(len, table.terminal(found()).splitlines())) <= 80


def test_fitters_are_measured_in_processes_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "RESULTS", tmp_path)
    many = Runner(["torchlogit", "scikit-learn newton-cholesky"], Limits(60, 60), say=lambda _: None)
    try:
        told = many.measure(small(), {"torchlogit": "not today"})
        (entry,) = verdict.entries(told)
        worker = many.workers["scikit-learn newton-cholesky"]
        worker.begin(tmp_path / "nothing")
        with pytest.raises(Broken, match="FileNotFoundError"):
            worker.ready()
    finally:
        many.close()
    assert entry.row["reached"]
    assert entry.rival["import"] > 0
    assert len(entry.row["seconds"]) == runner.ROUNDS
    assert told["left_out"]["torchlogit"] == "not today"
    assert json.loads(json.dumps(told)) == told
