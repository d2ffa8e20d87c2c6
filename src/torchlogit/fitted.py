"""A fitted model and all that it can be asked: one-line doors to the functions that read a fit, each in a home of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from torchlogit.model import LESSON, Model
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.calibration.measures import Calibration
    from torchlogit.calibration.reliability import Reliability
    from torchlogit.decision.band import Band
    from torchlogit.decision.conformal import Conformal
    from torchlogit.decision.riskcoverage import RiskCoverage
    from torchlogit.inference.binned import BinnedResiduals
    from torchlogit.inference.check import Check
    from torchlogit.inference.collinearity import Collinearity
    from torchlogit.inference.effects import EffectTable, MarginTable
    from torchlogit.inference.explain import Explanation
    from torchlogit.inference.forest import Forest
    from torchlogit.inference.grouped import Grouped
    from torchlogit.inference.hypotheses import JointTest, TermTests
    from torchlogit.inference.influence import Influence
    from torchlogit.inference.limits import Limits
    from torchlogit.inference.nomogram import Nomogram
    from torchlogit.inference.prediction import PredictionTable
    from torchlogit.inference.profile import Profile
    from torchlogit.inference.quality import Quality
    from torchlogit.inference.quantile import QuantileResiduals
    from torchlogit.inference.residuals import Kind
    from torchlogit.inference.slices import Curves, DecisionMap
    from torchlogit.inference.wald import Table
    from torchlogit.metrics.evaluation import Evaluation
    from torchlogit.plots.style import Display
    from torchlogit.report import Report
    from torchlogit.summary import Summary


@dataclass(frozen=True, eq=False)
class Fit(Model):
    """A fitted model: what it is and predicts stands at `Model`, which has all fields; here is what it can be asked.

    >>> from torchlogit import datasets, fit
    >>> result = fit(datasets.study_hours(), "passed")
    >>> isinstance(result, Fit), result.columns, result.tests().df.tolist()
    (True, ('hours',), [1])
    >>> result
    <Fit of `passed`: 2 coefficients, 20 rows, converged; print it for its summary>
    """

    def __repr__(self) -> str:
        size = f"{self.theta_centred.numel()} coefficients, {self.n_rows} rows"
        return f"<Fit of `{show(self.target)}`: {size}, {self.status.name}; print it for its summary>"

    def __str__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary().to_html()

    def table(self, level: float = 0.95, base: Any = None, interval: str = "wald") -> Table:
        """Estimate, standard error, z, p, interval ("wald" or "profile") and odds ratio of every term; of each class against
        ``base``, if given.
        """
        from torchlogit.inference.wald import table

        return table(self, level, base, interval)

    def profile(
        self, level: float = 0.95, terms: Sequence[str] | None = None, data: Any = None, *, base: Any = None
    ) -> Profile:
        """Profile-likelihood intervals and likelihood-ratio tests of every coefficient; see `inference.profile`."""
        from torchlogit.inference.profile import profile

        return profile(self, level, terms, data, base=base)

    def summary(
        self, level: float = 0.95, *, interval: str | None = None, odds: bool | None = None, base: Any = None
    ) -> Summary:
        """The fit in words and as a table: ``print`` it, show it in a notebook, or ask it for HTML, LaTeX, Markdown, JSON."""
        from torchlogit.summary import summary

        return summary(self, level, interval=interval, odds=odds, base=base)

    def robust(self, kind: Any = "HC1", cluster: Any = None, data: Any = None, **settings: Any) -> Fit:
        """The same fit with another covariance: HC0 to HC3, by clusters, or of a bootstrap; see `inference.covariance`."""
        from torchlogit.inference.covariance import robust

        return robust(self, kind, cluster, data, **settings)

    def quality(self, data: Any = None, **given: Any) -> Quality:
        """AIC, BIC, deviance, Pearson's chi-squared and what is called R²; see `inference.quality.measures`."""
        from torchlogit.inference.quality import measures

        return measures(self, data, **given)

    def evaluate(
        self,
        data: Any = None,
        *,
        by: Any = None,
        threshold: float = 0.5,
        level: float = 0.95,
        folds: Any = None,
        seed: int = 0,
        **given: Any,
    ) -> Evaluation:
        """Log-loss, Brier, AUC, calls and their rates, with intervals, by group and out of fold; see `metrics.evaluating`."""
        from torchlogit.metrics.evaluating import evaluate_fit

        return evaluate_fit(self, data, by=by, threshold=threshold, level=level, folds=folds, seed=seed, **given)

    def test(self, terms: Any = None, kind: Any = "lr", data: Any = None, **given: Any) -> JointTest:
        """The test that all coefficients of some terms are 0: "lr", "wald", "score"; see `inference.hypotheses`."""
        from torchlogit.inference.hypotheses import joint_test

        return joint_test(self, terms, kind, data, **given)

    def tests(self, kind: Any = "lr", data: Any = None, **given: Any) -> TermTests:
        """The test of every term on its own; see `inference.hypotheses.term_tests`."""
        from torchlogit.inference.hypotheses import term_tests

        return term_tests(self, kind, data, **given)

    def residuals(self, kind: Kind = "deviance", data: Any = None, **given: Any) -> npt.NDArray[np.float64]:
        """Residuals of the rows, (n,): "deviance", "pearson", "response" or "working"; see `inference.residuals`."""
        from torchlogit.inference.residuals import residuals

        return residuals(self, kind, data, **given)

    def grouped(self, data: Any = None) -> Grouped:
        """Residuals, deviance and likelihood of a fit to counts, by rows of the table; see `inference.grouped`."""
        from torchlogit.inference.grouped import grouped

        return grouped(self, data)

    def influence(self, data: Any = None, **given: Any) -> Influence:
        """Leverage, standardised residuals and Cook's distance of every row; see `inference.influence`."""
        from torchlogit.inference.influence import influence

        return influence(self, data, **given)

    def effects(self, variables: str | Sequence[str] | None = None, **how: Any) -> EffectTable:
        """Average marginal effects on the probability, with errors; see `inference.effects.effects` for what else it takes."""
        from torchlogit.inference.effects import effects

        return effects(self, variables, **how)

    def margins(self, at: Any = None, **how: Any) -> MarginTable:
        """Average probabilities with variables set to values; see `inference.effects.margins` for what else it takes."""
        from torchlogit.inference.effects import margins

        return margins(self, at, **how)

    def forest(self, level: float = 0.95, **how: Any) -> Forest:
        """Odds ratios with references, counts and intervals, to be drawn; see `inference.forest` for what else it takes."""
        from torchlogit.inference.forest import forest

        return forest(self, level, **how)

    def curves(self, variable: str | None = None, **how: Any) -> Curves:
        """The probability over one variable with its interval, to be drawn; see `inference.slices.curves` for the rest."""
        from torchlogit.inference.slices import curves

        return curves(self, variable, **how)

    def decision_map(self, x: str | None = None, y: str | None = None, **how: Any) -> DecisionMap:
        """The probability over two variables, to be drawn; see `inference.slices.decision_map` for what else it takes."""
        from torchlogit.inference.slices import decision_map

        return decision_map(self, x, y, **how)

    def nomogram(self, data: Any = None, **given: Any) -> Nomogram:
        """The fit as scales of points that add up to a probability; see `inference.nomogram`."""
        from torchlogit.inference.nomogram import nomogram

        return nomogram(self, data, **given)

    def binned_residuals(self, along: str | None = None, bins: int | None = None, **how: Any) -> BinnedResiduals:
        """Mean residuals of bins with the band of the model; see `inference.binned` for what else it takes."""
        from torchlogit.inference.binned import binned_residuals

        return binned_residuals(self, along, bins, **how)

    def quantile_residuals(self, seed: int = 0, level: float = 0.95, **how: Any) -> QuantileResiduals:
        """Randomised residuals that are normal where the model is right; see `inference.quantile` for what else it takes."""
        from torchlogit.inference.quantile import quantile_residuals

        return quantile_residuals(self, seed, level, **how)

    def dfbeta(self, scaled: bool = False, data: Any = None, **given: Any) -> npt.NDArray[np.float64]:
        """By how much every row moves every coefficient, (n, p), or (n, p, K); see `inference.influence`."""
        from torchlogit.inference.influence import dfbeta

        return dfbeta(self, scaled, data, **given)

    def tidy(
        self, conf_int: bool = False, conf_level: float = 0.95, exponentiate: bool = False, **settings: Any
    ) -> Any:
        """One row a term, with broom's column names; see `inference.broom`."""
        from torchlogit.inference.broom import tidy

        return tidy(self, conf_int, conf_level, exponentiate, **settings)

    def glance(self, *, library: str = "pandas") -> Any:
        """One row about the whole fit, with broom's column names; see `inference.broom`."""
        from torchlogit.inference.broom import glance

        return glance(self, library=library)

    def augment(self, data: Any = None, **settings: Any) -> Any:
        """The rows with fitted values, residuals and influence, with broom's column names; see `inference.broom`."""
        from torchlogit.inference.broom import augment

        return augment(self, data, **settings)

    def check(self, data: Any = None, *, language: str = "en", **given: Any) -> Check:
        """What could be wrong with the fit, each with a sentence on what to do, in English or Chinese ("zh"); see
        `inference.check`.
        """
        from torchlogit.inference.check import check

        return check(self, data, language=language, **given)

    def explain(
        self, language: str = "en", level: float = 0.95, *, interval: str | None = None, base: Any = None
    ) -> Explanation:
        """What the fit says, in plain English ("en") or Chinese ("zh"); see `inference.explain`."""
        from torchlogit.inference.explain import explain

        return explain(self, language, level, interval=interval, base=base)

    def limits(self, level: float = 0.95, data: Any = None, **given: Any) -> Limits:
        """Where the coefficients go on separated data: infinity, or finite limits; see `inference.limits`."""
        from torchlogit.inference.limits import limits

        return limits(self, level, data, **given)

    def collinearity(self, data: Any = None, **given: Any) -> Collinearity:
        """Rank, condition number and each term's variance inflation; see `inference.collinearity`."""
        from torchlogit.inference.collinearity import collinearity

        return collinearity(self, data, **given)

    def calibration(self, data: Any = None, *, folds: Any = None, seed: int = 0, **how: Any) -> Calibration:
        """How well probabilities come true: slope, intercept, tests, distances; see `calibration.measures.calibration`."""
        from torchlogit.calibration.doors import calibration

        return calibration(self, data, folds, seed, **how)

    def reliability(self, data: Any = None, *, folds: Any = None, seed: int = 0, **how: Any) -> Reliability:
        """The reliability curve in bins; see `calibration.reliability.reliability`."""
        from torchlogit.calibration.doors import reliability

        return reliability(self, data, folds, seed, **how)

    def with_prevalence(self, prevalence: Any) -> Fit:
        """The fit with its intercept moved to where the classes have other shares; see `calibration.prevalence`."""
        from torchlogit.calibration.prevalence import with_prevalence

        return with_prevalence(self, prevalence)

    def predict_interval(self, rows: Any, level: float = 0.95, offset: Any = None) -> PredictionTable:
        """Probabilities of rows with their intervals; see `inference.prediction`."""
        from torchlogit.inference.prediction import predict_interval

        return predict_interval(self, rows, level, offset)

    def band(self, data: Any = None, **wanted: Any) -> Band:
        """The band of uncertain answers for ``max_error=``, ``coverage=`` or ``costs=``; see `decision.band.band`."""
        from torchlogit.decision.band import band

        return band(self, data, **wanted)

    def decide(
        self, rows: Any, uncertain: Any = LESSON, offset: Any = None, *, calibration: Any = None, **wanted: Any
    ) -> npt.NDArray[Any]:
        """The class of every row (n,), or "uncertain" where its probabilities lie in the band.

        ``uncertain`` is two probabilities, a `Band`, or "auto": what `band` makes of ``calibration`` (its data) and of what is
        ``wanted`` (``max_error=0.05``, ``coverage=0.9`` or ``costs=(false_yes, false_no, ask)``). ParameterError for what is
        wanted beside a band that is given.

        >>> from torchlogit import datasets, fit
        >>> result = fit(datasets.study_hours(), "passed")
        >>> result.decide({"hours": [1.0, 2.7, 5.0]}, "auto", costs=(3, 1, 0.25)).tolist()
        [0.0, 'uncertain', 1.0]
        """
        from torchlogit.decision.band import chosen_band

        return super().decide(rows, chosen_band(self, uncertain, calibration, wanted), offset)

    def conformal(self, data: Any = None, level: float = 0.9, **settings: Any) -> Conformal:
        """Sets of classes that hold the truth with probability ``level``; see `decision.conformal`."""
        from torchlogit.decision.conformal import conformal

        return conformal(self, data, level, **settings)

    def risk_coverage(self, data: Any = None, **given: Any) -> RiskCoverage:
        """The share of wrong decisions as fewer cases are decided, and the area under it; see `decision.riskcoverage`."""
        from torchlogit.decision.riskcoverage import risk_coverage
        from torchlogit.metrics.scored import scored

        return risk_coverage(scored(self, data, **given))

    def report(self, data: Any = None, language: str = "en", **settings: Any) -> Report:
        """A page about the fit for people, in English or Chinese ("zh"): ``.save("report.html")``; see `report.report.report`."""
        from torchlogit.report import report

        return report(self, data, language, **settings)

    def plot(self, kind: str, data: Any = None, **options: Any) -> Display:
        """A picture: "roc", "calibration", "forest", ...; see `plots.kinds.picture` for what it takes, `plots.KINDS` for all."""
        from torchlogit.plots.kinds import picture

        return picture(self, kind, data, **options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model file (safetensors with a JSON header; no training data), atomically."""
        from torchlogit.persist import save

        save(self, path)


def load(path: str | os.PathLike[str]) -> Fit:
    """Read a model file that `Fit.save` wrote (a `Calibrated` where it was one); ModelFileError for anything else, which is never
    executed.
    """
    from torchlogit.persist import load

    return load(path)
