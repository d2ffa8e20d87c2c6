"""Writes the true numbers of the accuracy table, or with ``--page`` the page of the documentation that shows it.

python tests/make_accuracy.py          tests/golden/accuracy.json: 30 digits of every slope and standard error (a minute)
python tests/make_accuracy.py --page   docs/accuracy.md: what torchlogit reaches, beside other fitters
"""

import json
import sys
import warnings
from pathlib import Path

from mpmath import mp
from truth import Y, designs, digits, truth

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "accuracy.json"
PAGE = ROOT / "docs" / "accuracy.md"

# Correct digits of slopes / standard errors, measured once with the versions of early 2026; * = the fitter warned.
FITTERS = ("scikit-learn lbfgs", "newton-cholesky", "sm.Logit", "sm.GLM", "glum", "R glm")
OTHERS = {
    "POLY2": "6.3 | 13.1 | 15.2/14.0 | 13.2/14.8 | 13.4 | 13.8/13.0",
    "POLY4": "0.0 | 13.6 | 14.5/11.3 | 10.9/10.7 | 13.4 | 13.0/12.6",
    "POLY6": "0.0 | 0.0* | 12.6/8.5 | 7.2/6.8 | 12.5 | 11.8/12.5",
    "OFFSET1e3": "6.5 | 14.5 | 15.5/12.4 | 14.9/15.4 | 14.0 | 14.6/13.4",
    "OFFSET1e6": "0.0 | 0.0* | 7.8/6.6* | 11.6/12.1 | 12.8 | 11.5/11.2",
    "OFFSET1e8": "0.0 | 0.0* | 0.0/1.2* | 9.9/9.7 | 9.9 | 10.0/10.2",
    "OFFSET1e10": "0.0 | 0.0* | 0.0/—* | 0.0/0.0* | error | 7.7/7.5",
    "OFFSET1e12": "0.0 | 0.0* | error | 0.0/0.0* | 0.0* | 5.6/5.4",
    "NEARCOLL 2^-10": "0.0 | 9.6 | 9.9/7.8* | 12.1/13.0 | 9.8 | 9.3/13.2",
    "NEARCOLL 2^-20": "0.0 | 5.5 | 0.2/1.6* | 6.5/10.0 | 5.2 | 6.6/9.5",
    "NEARCOLL 2^-30": "0.0 | 0.0* | 0.0/—* | 3.8/6.6 | 0.0 | 4.3/6.7",
    "NEARCOLL 2^-40": "0.0 | 0.0* | error | 0.6/3.7 | 0.0* | 0.6/3.5",
    "SCALE 1e-300": "— | — | — | — | — | —",
    "SCALE 1e-150": "0.0 | 0.0* | 0.0/1.2 | 0.0* | 0.0 | 15.9/13.5",
    "SCALE 1e-8": "0.0 | 15.9 | 0.0/1.2* | 15.3/15.2 | 15.5 | 15.5/13.5",
    "SCALE 1e8": "0.1 | 0.1* | 15.8/15.9 | 15.9/13.5 | 15.8 | 15.9/13.5",
    "SCALE 1e150": "0.0 | 0.0* | 15.9/15.3 | 0.1/0.3* | 15.9 | 15.3/13.5",
    "SCALE 1e300": "— | — | — | — | — | —",
}

TEXT = """# How many digits are right

Every number that `torchlogit.fit` prints should be right, or you should be told. This page measures it. The table gives
the number of correct digits of the worst slope and of the worst standard error, −log₁₀ of the relative error, for sixty
rows and columns that are hard on purpose, without a penalty. The truth was computed with 60 digits (`tests/truth.py`);
float64 itself has just under 16. `tests/test_accuracy.py` fails if a row of ours falls below R's by more than the half digit that
rounding can make.

Made by `python tests/make_accuracy.py --page`. The columns of the other fitters were measured once, at their defaults
(newton-cholesky at tol 1e-10), with the versions of early 2026; * means that the fitter warned. Where it did not and the
digits are few, the numbers are silently wrong. (told) means that ours was right and still said that the columns are
nearly collinear: if your data are rounded, so are they.

{table}

* POLYd has the columns i, i², … iᵈ for i = 1 … 60. OFFSET1ek is 10ᵏ + i, like a timestamp. NEARCOLL 2^-k has i and
  i + e·2⁻ᵏ with small whole numbers e, two columns that are nearly one. SCALE s is s·i.

## How

* **Two-pass centring.** Means are sums of differences from the first row, corrected in a second pass, so a column that
  lies 10¹² away from zero loses nothing. Coefficients are kept about the columns' centres; only the printed intercept
  is moved back to x = 0.
* **Scales that are powers of two.** Dividing by them rounds nothing, so 1e-300 and 1e300 are as good as 1. The stopping
  rule looks at the Newton decrement, which does not depend on units. Standard errors come from a root of the covariance,
  which is never squared, so they neither overflow nor vanish.
* **An orthogonal basis where columns resemble each other.** Such columns are replaced by what is left of them beside
  the earlier ones, formed row by row from the data rather than from their products, and made orthogonal once more.
* **Doubled precision where terms cancel.** Products with that basis are summed with their rounding errors (Dot2), and
  sums over blocks of rows are compensated.
* **One more Newton step than needed**, and the covariance is the inverse information at that very point.

## What you are told

* A column that equals a combination of earlier ones is named with the combination (`aliased: total = a + b`) and has no
  coefficient.
* Columns with √VIF over 10⁶ are named as nearly collinear, with the digits that are left if the data are rounded in
  their sixteenth digit.
* A fit that is not at a certified optimum says so once and has no standard errors; so do classes that are separated,
  naming the columns that split them.
"""


def measured(x, true):
    """Correct digits of slopes and of standard errors, and the warnings."""
    import torchlogit

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = torchlogit.fit(x, Y)
        slopes, errors = fit.coef[:, 0], fit.std_error[1:, 0]
    told = [str(warning.message) for warning in caught]
    return digits(slopes, true["slopes"]), digits(errors, true["std_errors"]), told


def make_truth():
    found = {}
    for name, x in designs().items():
        slopes, errors = truth(x, Y)
        found[name] = {
            kind: [mp.nstr(v, 30) for v in values] for kind, values in (("slopes", slopes), ("std_errors", errors))
        }
    GOLDEN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def make_page():
    true = json.loads(GOLDEN.read_text(encoding="utf-8"))
    lines = [f"| design | **torchlogit** | {' | '.join(FITTERS)} |", f"|---|{'---|' * (len(FITTERS) + 1)}"]
    for name, x in designs().items():
        b, se, told = measured(x, true[name])
        mark = " (told)" if any("nearly collinear" in sentence for sentence in told) else ""
        lines.append(f"| {name} | **{b:.1f}/{se:.1f}**{mark} | {OTHERS[name]} |")
    PAGE.write_text(TEXT.format(table="\n".join(lines)), encoding="utf-8")


if __name__ == "__main__":
    make_page() if "--page" in sys.argv else make_truth()
