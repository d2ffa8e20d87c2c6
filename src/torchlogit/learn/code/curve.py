import numpy as np

import torchlogit
from torchlogit import datasets
from torchlogit.plots import CurveTable, probability_curve

students = datasets.study_hours()
fit = torchlogit.fit(students, "passed")
hours = np.linspace(0, 10, 200)
p = fit.predict_proba({"hours": hours})[:, 1]
curve = CurveTable(hours, p, points_x=students["hours"], points_y=students["passed"])
probability_curve(curve).save("curve.png")  # red line at 0.5, "Hours", "Probability of Pass", grid
