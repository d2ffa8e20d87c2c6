"""The rows a fit is read with: those it was fitted to, or others in the same shape."""

import pickle

import numpy as np
import pytest

import torchlogit
from torchlogit import datasets
from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.observed import observed

RNG = np.random.default_rng(5)
N = 200
TABLE = {
    "age": RNG.normal(40, 10, N),
    "school": np.array(["A", "B", "C"])[RNG.integers(0, 3, N)],
    "times": RNG.integers(1, 4, N).astype(float),
    "shift": RNG.normal(size=N),
}
TABLE["twice"] = 2 * TABLE["age"] - 1
TABLE["passed"] = np.array(["no", "yes"])[(TABLE["age"] + 10 * RNG.logistic(size=N) > 40).astype(int)]


def fitted():
    with pytest.warns(torchlogit.AliasedWarning):
        return torchlogit.fit(TABLE, "passed", weight="times", offset="shift")


def test_the_fit_stands_at_the_optimum_of_its_own_rows():
    """Value, gradient and η beside its training rows are those of the fit, though a column is aliased."""
    fit = fitted()
    found = observed(fit)
    at = found.objective.taylor(found.gamma, 1)
    assert float(-at.value) == pytest.approx(fit.log_likelihood, rel=1e-13)
    assert float(at.grad.abs().max()) < 1e-9
    np.testing.assert_allclose(found.eta, fit.eta(TABLE, TABLE["shift"]), rtol=1e-10)


def test_a_fit_without_rows_reads_them_again_by_name(tmp_path):
    """From a model file: target, weight and offset are found in the table by their names, and no rows were stored."""
    fit = fitted()
    fit.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    with pytest.raises(ParameterError, match="give the data"):
        observed(again)
    found = observed(again, TABLE)
    assert float(-found.objective.taylor(found.gamma, 0).value) == pytest.approx(fit.log_likelihood, rel=1e-13)


def test_a_pickle_holds_no_rows():
    """As a model file holds none."""
    assert pickle.loads(pickle.dumps(fitted())).training is None


def test_a_strange_label_is_refused():
    """A label that the model does not know is named with its row."""
    fit = torchlogit.fit(datasets.study_hours(), "passed")
    with pytest.raises(DataError, match="no class of the model"):
        observed(fit, {"hours": [1.0, 2.0], "passed": [0, 7]})


def test_another_column_of_the_rows_that_were_kept():
    """A cluster column is paired with the rows that were kept."""
    table = {"hours": [1.0, np.nan, 2.0, 3.0, 4.0, 2.5], "passed": [0, 1, 1, 0, 1, 0], "school": list("abcdef")}
    with pytest.warns(torchlogit.DataWarning):
        fit = torchlogit.fit(table, "passed", features=["hours"], missing="drop")
    assert list(fit.training.column("school")) == list("acdef")
