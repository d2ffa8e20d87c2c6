"""Bands of probabilities in which the answer is "uncertain", chosen from costs, a wanted error rate or a wanted coverage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from torchlogit.decision.cuts import (
    TIE,
    certainties,
    cut_for_coverage,
    cut_for_error,
    errors,
    least_certainty,
    rows_needed,
    unseen_rows,
)
from torchlogit.decision.words import guarantee
from torchlogit.errors import DataError, ParameterError
from torchlogit.inference.tabular import Tabular
from torchlogit.metrics.crossed import cross_scored
from torchlogit.metrics.scored import Scored, scored

if TYPE_CHECKING:
    from torchlogit.fitted import Fit


WANTED = ("max_error", "coverage", "costs")
FOLDS = 10


@dataclass(frozen=True, repr=False, eq=False)
class Band(Tabular):
    """Probabilities of the positive class from ``low`` to ``high``, both included, between which the answer is "uncertain".

    Above the band it is the positive class, below the other. With more than two classes ``low`` is 0, and the answer is the
    most probable class where its probability is ``high`` or more. A band unpacks into its two ends, and goes wherever two
    probabilities do: ``fit.decide(rows, uncertain=band)``.

    ``chosen`` says from what: "given", "costs", "error", "coverage", "crossed" or "conformal"; `guarantee` says in words
    what that promises. Of ``n`` calibration rows ``decided`` is the share decided, ``error`` the share of these that was wrong
    and ``bound`` what it is at most, with ``confidence``.

    >>> print(*Band(0.4, 0.6), Band(0.4, 0.6).guarantee)
    0.4 0.6 The band was given, so nothing is promised.
    """

    heading: ClassVar[str] = "Uncertain band"
    hidden: ClassVar[tuple[str, ...]] = ("classes",)

    low: float
    high: float
    chosen: str = "given"
    wanted: float | None = None
    confidence: float | None = None
    n: int | None = None
    decided: float | None = None
    error: float | None = None
    bound: float | None = None
    false_yes: float | None = None
    false_no: float | None = None
    ask: float | None = None
    classes: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= 1:
            raise ParameterError(f"a band is two probabilities, the lower first; got {self.low} and {self.high}")

    def __iter__(self) -> Iterator[float]:
        return iter((self.low, self.high))

    @property
    def guarantee(self) -> str:
        """What the band promises, and under which assumption."""
        return self.guarantee_in("en")

    def guarantee_in(self, language: str) -> str:
        """The same in "en" or "zh"."""
        key = {"conformal": "band_of_sets"}.get(self.chosen, self.chosen)
        key += "_classes" if key == "costs" and self.classes > 2 else ""
        miss = None if self.wanted is None else 1 - self.wanted
        return guarantee(key, language, **{**vars(self), "miss": miss})

    def sentence_in(self, language: str) -> str:
        """Where it is uncertain, what that made of the calibration rows, and the guarantee, in "en" or "zh"."""
        ends = {"low": f"{self.low:.4g}", "high": f"{self.high:.4g}"}
        said = guarantee("band" if self.classes == 2 else "band_classes", language, **ends)
        if self.error is not None and self.chosen != "crossed":
            said += guarantee("counted", language, **vars(self))
        return said + " " * (language == "en") + self.guarantee_in(language)

    @property
    def notes(self) -> tuple[str, ...]:
        """The guarantee, shown below the numbers."""
        return (self.guarantee,)


def band_from_costs(false_yes: float, false_no: float, ask: float, classes: int = 2) -> Band:
    """The band with the least expected cost, in closed form, where probabilities are right.

    Saying yes costs ``(1 − p) false_yes`` on average, no ``p · false_no``, asking a human ``ask``: so no up to
    ``p = ask / false_no``, yes from ``p = 1 − ask / false_yes``, and uncertain between. Where that is empty (asking costs
    ``false_yes false_no / (false_yes + false_no)`` or more) there is one line, ``p = false_yes / (false_yes + false_no)``. With
    more than two ``classes`` every error costs the same, and the most probable class is taken from ``1 − ask / error`` on.

    ParameterError for costs that are no positive numbers (``ask`` may be 0: everything is asked), and for unequal costs of more
    than two classes. Source: Chow (1970), On optimum recognition error and reject tradeoff; Elkan (2001), The
    foundations of cost-sensitive learning (the line without asking).

    >>> print(*band_from_costs(false_yes=10, false_no=2, ask=1))
    0.5 0.9
    >>> tuple(band_from_costs(1, 1, 1)), tuple(band_from_costs(4, 4, 1, classes=3))
    ((0.5, 0.5), (0.0, 0.75))
    """
    if not (0 < false_yes < inf and 0 < false_no < inf and 0 <= ask < inf):
        raise ParameterError(
            f"costs are numbers above 0 (asking may cost 0); got false_yes={false_yes}, false_no={false_no}, ask={ask}"
        )
    costs: dict[str, Any] = {"false_yes": float(false_yes), "false_no": float(false_no), "ask": float(ask)}
    if classes > 2:
        if false_yes != false_no:
            raise ParameterError(
                f"with {classes} classes every error costs the same: give false_yes and false_no alike, got {false_yes:g} "
                f"and {false_no:g}"
            )
        return Band(0.0, max(1 - ask / false_yes, 0.0), "costs", classes=classes, **costs)
    even = 1 / (1 + false_no / false_yes)
    return Band(min(ask / false_no, even), max(1 - ask / false_yes, even), "costs", **costs)


def band_for_error(scored: Scored, max_error: float, confidence: float = 0.95) -> Band:
    """The smallest band outside which at most ``max_error`` of the cases decided are decided wrongly, with ``confidence``.

    That is P(wrong | decided) ≤ max_error, for all but 1 − confidence of the samples of n independent rows that the model was
    not fitted to; whether its probabilities are right does not matter. The band is the same distance from 0 and 1; which it
    is, `cut_for_error` decides. At the least `rows_needed(max_error, confidence)` of the rows must be decided: 117 for 5 %.

    DataError where the rows cannot carry such a promise, with what they can; ParameterError for rows that the model has seen,
    and for weights that are not whole numbers (those are written out: a weight of 3 is three rows).

    >>> import numpy as np
    >>> from torchlogit.metrics.scored import scored_arrays
    >>> p = np.linspace(0.001, 0.999, 1000)
    >>> y = np.random.default_rng(0).random(1000) < p
    >>> band = band_for_error(scored_arrays(y, p), max_error=0.1)
    >>> band.bound <= 0.1, band.error < band.bound, 0 < band.low < 0.5
    (True, True, True)
    """
    needed = rows_needed(max_error, confidence)
    rows = unseen_rows(scored, "a promised error rate")
    if len(rows) < needed:
        raise DataError(
            f"an error rate of at most {max_error:.4g} cannot be promised with confidence {confidence:g} from {len(rows)} rows: "
            f"it takes {needed} at the least, even if none is decided wrongly; give more, or promise less"
        )
    least = least_certainty(rows)
    found = cut_for_error(certainties(rows), errors(rows), max_error, confidence, least)
    decided, wrong, bound = int(found.decided), int(found.wrong), float(found.bound)
    if found.cut < 0:
        raise DataError(
            f"an error rate of at most {max_error:.4g} cannot be promised with confidence {confidence:g}: of the {decided} "
            f"most certain of {len(rows)} rows {wrong} are decided wrongly, which bounds the rate by {bound:.3g} only; promise "
            "that, give more rows, or find a model that separates the classes better"
        )
    facts: dict[str, Any] = {"decided": decided / len(rows), "error": wrong / decided, "bound": bound}
    band = _above(float(found.cut), rows)
    return replace(band, chosen="error", wanted=max_error, confidence=confidence, n=len(rows), **facts)


def band_for_coverage(scored: Scored, coverage: float) -> Band:
    """The band outside which a share of ``coverage`` of new cases lies or more, on average over samples of the rows.

    `cut_for_coverage` chooses it, and looks at no label: how many of the cases decided are decided wrongly is seen
    (``error``), not promised. ParameterError and DataError as for `band_for_error`, and DataError where too many
    rows have a probability of exactly one half.

    >>> from torchlogit.metrics.scored import scored_arrays
    >>> band = band_for_coverage(scored_arrays([0, 1, 0, 1], [0.1, 0.6, 0.3, 0.9]), 0.8)
    >>> round(band.low, 9), round(band.high, 9), band.decided
    (0.4, 0.6, 1.0)
    """
    rows = unseen_rows(scored, "a promised coverage")
    certainty, least = certainties(rows), least_certainty(rows)
    cut = float(cut_for_coverage(certainty, coverage, least))
    decided = certainty > cut
    if cut == least and not decided.all():
        raise DataError(
            f"{(~decided).sum()} of {len(rows)} rows have a probability of exactly 0.5, where nothing speaks for either "
            f"class, so a coverage of {coverage:g} cannot be promised"
        )
    error = float(errors(rows)[decided].mean())
    band = _above(cut, rows)
    return replace(band, chosen="coverage", wanted=coverage, n=len(rows), decided=float(decided.mean()), error=error)


def _above(cut: float, rows: Scored) -> Band:
    """What is more certain than the cut is decided; certainties of the same 12 digits are on the same side of it."""
    high = min(cut + TIE, 1.0)
    return Band(1 - high if rows.binary else 0.0, high, classes=len(rows.classes))


def band(
    fit: Fit,
    data: Any = None,
    *,
    max_error: float | None = None,
    coverage: float | None = None,
    costs: Sequence[float] | None = None,
    confidence: float = 0.95,
    **given: Any,
) -> Band:
    """The band for one of: a wanted error rate on the cases decided, a wanted share of them, or costs.

    ``costs`` are of a false yes, a false no and asking (`band_from_costs`). For the others ``data`` are calibration rows that
    the model was not fitted to, with their classes (`band_for_error`, `band_for_coverage`). Without ``data`` each of the
    fit's own rows is decided by a fit without it (ten folds), which makes the band an estimate and promises nothing.

    ParameterError unless exactly one of the three is asked for, and where weights are no numbers of equal rows.

    >>> from torchlogit import datasets, fit
    >>> print(*band(fit(datasets.study_hours(), "passed"), costs=(1, 1, 0.25)))
    0.25 0.75
    """
    asked = [name for name, value in zip(WANTED, (max_error, coverage, costs), strict=True) if value is not None]
    if len(asked) != 1:
        raise ParameterError(
            "say what the band is for, one of the three: max_error=0.05 (of the cases decided), coverage=0.9 (the share "
            f"decided) or costs=(false_yes, false_no, ask); got {' and '.join(asked) or 'none'}"
        )
    if costs is not None:
        if data is not None:
            raise ParameterError("costs choose the band from the probabilities alone; leave the calibration rows out")
        return band_from_costs(*check_costs(costs), len(fit.classes))
    found = band_of_rows(calibration_rows(fit, data, **given), max_error, coverage, confidence)
    return found if data is not None else replace(found, chosen="crossed")


def check_costs(costs: Sequence[float]) -> tuple[float, float, float]:
    """The costs of a false yes, a false no and asking; ParameterError for another number of them."""
    if len(costs) != 3:
        raise ParameterError(f"costs are three numbers, of a false yes, a false no and asking; got {costs!r}")
    false_yes, false_no, ask = costs
    return false_yes, false_no, ask


def band_of_rows(rows: Scored, max_error: float | None, coverage: float | None, confidence: float) -> Band:
    """The band for the one of the two that is wanted."""
    return (
        band_for_error(rows, max_error, confidence) if max_error is not None else band_for_coverage(rows, coverage or 0)
    )


def chosen_band(fit: Fit, uncertain: Any, data: Any, wanted: dict[str, Any]) -> Any:
    """``uncertain`` itself, or for "auto" the band that is ``wanted`` of calibration rows ``data``."""
    if isinstance(uncertain, str) and uncertain == "auto":
        return band(fit, data, **wanted)
    if data is not None or wanted:
        named = [*wanted, *["calibration"] * (data is not None)]
        raise ParameterError(f'{" and ".join(named)} choose a band, and one is given; say uncertain="auto" for them')
    return uncertain


def calibration_rows(fit: Fit, data: Any, **given: Any) -> Scored:
    """The rows beside the probabilities the fit gives them; without ``data`` its own, each by a fit without it."""
    return cross_scored(fit, FOLDS) if data is None else scored(fit, data, **given)
