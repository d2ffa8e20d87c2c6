"""200 random problems of mixed sizes, weights, offsets, categories and links, against R (tests/golden/make_random_glm.R)."""

import json
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import torchlogit

PROBLEMS = json.loads((Path(__file__).parent / "golden" / "random_glm.json").read_text(encoding="utf-8"))
NORTH = {"region": "east"}


def fitted(problem, without=()):
    """The fit of a problem, without some of its terms."""
    columns = {name: np.array(column) for name, column in problem["x"].items()}
    columns |= {"region": problem["region"]} if "region" in problem else {}
    table = {name: column for name, column in columns.items() if name not in without} | {"y": problem["y"]}
    extra = {name: np.array(problem[name], float) for name in ("weight", "offset") if name in problem}
    settings = {"reference": NORTH} if "region" in table else {}
    with warnings.catch_warnings(action="ignore", category=torchlogit.DataWarning):
        return torchlogit.fit(table, "y", link=problem["link"], intercept=problem["intercept"], **settings, **extra)


def close(got, expected, tolerance):
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


def test_they_are_mixed():
    """All links, and enough problems with weights, offsets, categories and without an intercept."""
    assert len(PROBLEMS) == 200
    assert set(Counter(p["link"] for p in PROBLEMS)) == {"logit", "probit", "cloglog", "cauchit"}
    assert min(sum(name in p for p in PROBLEMS) for name in ("weight", "offset", "region")) > 50
    assert sum(not p["intercept"] for p in PROBLEMS) > 10


@pytest.mark.parametrize("number", range(0, 200, 10))
def test_coefficients_errors_and_log_likelihood(number):
    """1e-8 for coefficients and log-likelihood, 1e-6 for errors: of the observed information, which for logit is R's."""
    for problem in PROBLEMS[number : number + 10]:
        fit = fitted(problem)
        close(fit.theta[:, 0], problem["coefficients"], 1e-8)
        close(fit.std_error[:, 0], problem["observed"], 1e-6)
        assert fit.log_likelihood == pytest.approx(problem["log_likelihood"], rel=1e-8)
        if problem["link"] == "logit":
            close(problem["observed"], problem["std_error"], 1e-6)


@pytest.mark.parametrize("number", range(0, 200, 10))
def test_likelihood_ratio_tests(number):
    """Of columns by the profile, all as one batch; of a category by the fit without it."""
    for problem in PROBLEMS[number : number + 10]:
        fit = fitted(problem)
        found = fit.profile()
        for name, statistic in problem["lr"].items():
            if name == "region":
                without = fitted(problem, {name}) if len(problem["x"]) else None
                assert 2 * (fit.log_likelihood - without.log_likelihood) == pytest.approx(statistic, rel=1e-6, abs=1e-8)
                continue
            at = found.term.index(name)
            assert found.statistic[at] == pytest.approx(statistic, rel=1e-6, abs=1e-8), (number, problem["link"])
            assert found.p[at] == pytest.approx(problem["p"][name], rel=1e-6)


def test_in_one_batch():
    """All logit problems of two columns without weights as one `fit_many`."""
    chosen = [
        (number, p)
        for number, p in enumerate(PROBLEMS)
        if p["link"] == "logit" and len(p["x"]) == 2 and p["intercept"] and not {"region", "weight", "offset"} & set(p)
    ]
    x = np.concatenate([np.column_stack(list(p["x"].values())) for _, p in chosen])
    y = np.concatenate([p["y"] for _, p in chosen])
    found = torchlogit.fit_many(
        x, y, groups=np.repeat([number for number, _ in chosen], [len(p["y"]) for _, p in chosen])
    )
    assert len(found) == len(chosen) > 3
    for (_, p), theta, error in zip(chosen, found.theta, found.std_error, strict=True):
        close(theta[:, 0], p["coefficients"], 1e-8)
        close(error[:, 0], p["observed"], 1e-6)
