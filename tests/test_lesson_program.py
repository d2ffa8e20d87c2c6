"""The lesson's own programs: the whole of it, and the linear unit's beside the logistic unit's."""

import os
import runpy
import subprocess
import sys
import warnings
from contextlib import redirect_stdout
from difflib import ndiff
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch

from torchlogit import SGD, LogisticRegression, datasets
from torchlogit.learn import site

ROOT = Path(__file__).resolve().parents[1]
LESSON = ROOT / "examples" / "lesson.py"
LINEAR, LOGISTIC = (site.HERE / "code" / f"{name}_unit.py" for name in ("linear", "logistic"))


def run(program, folder):
    """What a program prints, run as a reader runs it: without a display, every warning an error."""
    env = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND")}
    command = [sys.executable, "-W", "error", str(program)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.fixture(scope="module")
def lesson(tmp_path_factory):
    """The lines of the lesson's program, and the folder that it ran in."""
    folder = tmp_path_factory.mktemp("lesson")
    return run(LESSON, folder).splitlines(), folder


def test_L15_the_program_prints_every_epoch_and_writes_the_curve(lesson):
    lines, folder = lesson
    epochs, losses = zip(*(line.split() for line in lines[:-1]), strict=True)
    assert [int(epoch) for epoch in epochs] == [*range(1000)]
    assert all(np.diff(np.array(losses, dtype=float)) < 0)
    assert (folder / "lesson.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in folder.iterdir()] == ["lesson.png"]


def test_L15_the_program_has_the_four_steps_in_at_most_40_lines():
    text = LESSON.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    steps = ["# 1. Data", "# 2. Model", "# 3. Loss and optimiser", "# 4. Training cycle"]
    assert [line for line in text.splitlines() if line.startswith("# ")][:4] == steps
    assert "class LogisticRegression(nn.Module)" in text


def test_L16_the_solver_gives_the_programs_losses_and_answer(lesson):
    """The same start, the same 1000 losses to float32's last bit, the same probability after 4 hours."""
    lines, _ = lesson
    torch.manual_seed(0)
    start = torch.nn.Linear(1, 1)
    table = datasets.lesson()
    found = LogisticRegression(penalty=None, solver=SGD(lr=0.01, epochs=1000, reduction="sum"), warm_start=True)
    found.coef_, found.intercept_ = start.weight.detach().numpy(), start.bias.detach().numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separated, as it is
        found.fit(table["hours"][:, None].astype(np.float32), table["passed"])
    assert [each.value for each in found.history_[1:]] == [float(line.split()[1]) for line in lines[:-1]]
    p = found.predict_proba(np.array([[4.0]], dtype=np.float32))[0, 1]
    assert p == pytest.approx(float(lines[-1].split()[-1]), rel=1e-6)


def test_L17_the_program_answers_for_4_hours(lesson):
    assert lesson[0][-1].startswith("after 4 hours: 0.852")


def changed(one, two):
    """The lines that differ, as (before, after)."""
    lines = [*ndiff(one.read_text().splitlines(), two.read_text().splitlines())]
    return [line[2:].strip() for line in lines if line[0] == "-"], [
        line[2:].strip() for line in lines if line[0] == "+"
    ]


def test_L13_the_two_units_differ_in_sigma_and_the_loss_and_nothing_else():
    before, after = changed(LINEAR, LOGISTIC)
    assert before == ["return self.linear(x)", 'criterion = nn.MSELoss(reduction="sum")']
    assert after == ["return torch.sigmoid(self.linear(x))", 'criterion = nn.BCELoss(reduction="sum")']


@pytest.fixture(scope="module")
def units():
    """Of the linear unit's program and of the logistic one's: the model, and the last number of each line printed."""
    found = []
    for program in (LINEAR, LOGISTIC):
        printed = StringIO()
        with redirect_stdout(printed), torch.random.fork_rng():
            names = runpy.run_path(str(program), run_name="__main__")
        found.append((names["model"], [float(line.split()[-1]) for line in printed.getvalue().splitlines()]))
    return found


def test_L13_both_run_and_only_the_logistic_unit_stays_between_0_and_1(units):
    linear, logistic = (answers for _, answers in units)
    assert linear == pytest.approx([-2 / 3, 1 / 3, 4 / 3], abs=2e-3)  # least squares through (1, 0), (2, 0), (3, 1)
    assert logistic == sorted(logistic)
    assert 0 < logistic[0] < logistic[-1] < 1


def test_L09_a_unit_is_a_module_with_one_weight_and_one_bias(units):
    for model, _ in units:
        assert isinstance(model, torch.nn.Module)
        assert [parameter.numel() for parameter in model.parameters()] == [1, 1]


def test_L14_the_old_spelling_is_the_sum_and_says_so():
    y_hat, y = torch.tensor([0.9, 0.6, 0.2]), torch.tensor([1.0, 1.0, 0.0])
    with pytest.warns(UserWarning, match="reduction='sum'"):
        old = torch.nn.BCELoss(size_average=False)
    new = torch.nn.BCELoss(reduction="sum")
    assert old.reduction == new.reduction == "sum"
    assert old(y_hat, y) == new(y_hat, y)
