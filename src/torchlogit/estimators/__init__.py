"""The scikit-learn door; the only place that imports scikit-learn."""

from torchlogit.estimators.cv import LogisticRegressionCV
from torchlogit.estimators.logistic import FitWarning, LogisticRegression
from torchlogit.estimators.selective import SelectiveClassifier

__all__ = ["FitWarning", "LogisticRegression", "LogisticRegressionCV", "SelectiveClassifier"]
