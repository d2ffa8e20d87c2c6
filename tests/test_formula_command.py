"""The command predicts with the file of a model that was fitted by formula."""

import numpy as np
from command import write

import torchlogit

ROWS = [
    (0.5, "A", 0),
    (1.0, "B", 3),
    (1.5, "A", 0),
    (2.0, "B", 1),
    (2.5, "A", 2),
    (3.0, "B", 0),
    (3.5, "A", 4),
    (4.0, "B", 1),
] * 3
TABLE = dict(zip(("hours", "school", "visits"), map(list, zip(*ROWS, strict=True)), strict=True))


def test_predictions_of_a_formula(run, tmp_path):
    """Columns are found by name; the column that the target compares is known, others are refused."""
    fit = torchlogit.fit(TABLE, "(visits > 0) ~ scale(hours) * school", penalty=torchlogit.L2(1.0))
    fit.save(tmp_path / "m.safetensors")
    lines = [f"{hours},{school},{visits}" for hours, school, visits in ROWS[:4]]
    data = write(tmp_path / "new.csv", "\n".join(["hours,school,visits", *lines]) + "\n")
    result = run("predict", tmp_path / "m.safetensors", data)
    assert result.code == 0, result.err
    found = [float(line.split(",")[1]) for line in result.out.splitlines()[1:]]
    np.testing.assert_allclose(found, fit.predict_proba(TABLE)[:4, 1], rtol=1e-12)
    other = write(tmp_path / "other.csv", "hours,school,age\n1,A,3\n")
    assert "unknown to the model" in run("predict", tmp_path / "m.safetensors", other).err
