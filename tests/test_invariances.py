"""What must not change a fit, and what must change it in a known way.

Each property holds for any data, so hypothesis chooses the data (few examples, always the same ones).
"""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import torchlogit
from torchlogit import L1, L2, LBFGS, AliasedWarning, ElasticNet, fit
from torchlogit.estimate import estimate
from torchlogit.losses import Logistic, Softmax
from torchlogit.penalties import NoPenalty
from torchlogit.sources.memory import MemorySource

FEW = settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
PENALTIES = [None, L2(0.7), L1(0.7), ElasticNet(0.7, 0.5)]


class Problem:
    """Rows whose classes overlap, so that a finite optimum exists with and without a penalty."""

    def __init__(self, seed, n, d, classes):
        rng = np.random.default_rng(seed)
        self.x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d) * 3
        z = (self.x - self.x.mean(0)) / self.x.std(0)
        score = z @ rng.normal(size=(d, classes)) / np.sqrt(d) + rng.gumbel(size=(n, classes)) * 1.5
        self.y = score.argmax(1)
        self.weight = rng.integers(1, 4, n).astype(float)
        self.permuted = rng.permutation(n)
        self.shuffled = rng.permutation(d)
        self.rng, self.n, self.d, self.classes = rng, n, d, classes


def problems(classes=(2, 3)):
    return st.builds(Problem, st.integers(0, 10**6), st.integers(100, 160), st.integers(1, 4), st.sampled_from(classes))


def any_penalty():
    return st.sampled_from(PENALTIES)


def near(a, b, rel):
    """Equal within ``rel`` of the largest entry."""
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape
    assert np.abs(a - b).max() <= rel * max(1.0, np.abs(b).max())


def tolerance(penalty, smooth=1e-12):
    """An L1 optimum is found to a duality gap of 1e-13 of F, so its coefficients to about the root of that."""
    return smooth if penalty is None or penalty.l1_ratio == 0 else 3e-6


@given(problems(), any_penalty())
@FEW
def test_bad_121_order_of_rows_and_columns(problem, penalty):
    p = problem
    base = fit(p.x, p.y, penalty=penalty)
    near(fit(p.x[p.permuted], p.y[p.permuted], penalty=penalty).theta, base.theta, tolerance(penalty))
    other = fit(p.x[:, p.shuffled], p.y, penalty=penalty)
    near(other.coef, base.coef[p.shuffled], tolerance(penalty, 1e-11))
    near(other.theta[0], base.theta[0], tolerance(penalty, 1e-11))


@given(problems(), any_penalty())
@FEW
def test_repeated_rows_are_weights(problem, penalty):
    p = problem
    times = p.weight.astype(int)
    weighted = fit(p.x, p.y, penalty=penalty, weight=p.weight)
    repeated = fit(np.repeat(p.x, times, 0), np.repeat(p.y, times), penalty=penalty)
    near(weighted.theta, repeated.theta, tolerance(penalty))
    assert weighted.value == pytest.approx(repeated.value, rel=1e-11)
    assert weighted.null_log_likelihood == pytest.approx(repeated.null_log_likelihood, rel=1e-12)
    if penalty is None:
        near(weighted.std_error, repeated.std_error, 1e-11)


@given(problems(), any_penalty())
@FEW
def test_rows_of_weight_zero_change_nothing(problem, penalty):
    p = problem
    extra = p.rng.normal(size=(30, p.d)) * 100
    x, y = np.vstack([p.x, extra]), np.r_[p.y, p.rng.integers(0, p.classes, 30)]
    weight = np.r_[p.weight, np.zeros(30)]
    near(
        fit(x, y, penalty=penalty, weight=weight).theta,
        fit(p.x, p.y, penalty=penalty, weight=p.weight).theta,
        tolerance(penalty),
    )


@given(problems(classes=(2,)), any_penalty())
@FEW
def test_swapped_labels_flip_the_sign(problem, penalty):
    p = problem
    near(fit(p.x, 1 - p.y, penalty=penalty).theta, -fit(p.x, p.y, penalty=penalty).theta, tolerance(penalty))


@given(problems(), st.sampled_from([1e-9, 1e-3, 1e6]), st.sampled_from([0.0, -7.0, 1e7]))
@FEW
def test_scale_and_shift_of_columns(problem, factor, shift):
    """Without a penalty: slopes scale, predictions and errors stay, only the intercept moves; a shift rounds the data."""
    p = problem
    rel = 1e-7 if shift > 1e6 else 1e-10
    scale, add = np.ones(p.d), np.zeros(p.d)
    scale[0], add[0] = factor, shift * factor
    x = p.x * scale + add
    base, moved = fit(p.x, p.y), fit(x, p.y)
    near(moved.coef * torch.from_numpy(scale)[:, None], base.coef, rel)
    near(moved.predict_proba(x), base.predict_proba(p.x), rel)
    near(moved.std_error[1:] * torch.from_numpy(scale)[:, None], base.std_error[1:], rel)


@given(problems(), any_penalty(), st.sampled_from(["1", "7", "n", "ragged"]))
@FEW
def test_bad_120_cut_into_blocks(problem, penalty, cut):
    """Blocks of 1, of 7, of all rows, of a size that leaves a short last one."""
    p = problem
    size = {"1": 1, "7": 7, "n": p.n, "ragged": p.n - 1}[cut]
    x, y = torch.from_numpy(p.x), torch.from_numpy(p.y)
    loss, k = (Logistic(), 1) if p.classes == 2 else (Softmax(), p.classes)

    def theta(block_rows):
        source = MemorySource(x, y, torch.from_numpy(p.weight), block_rows=block_rows)
        found = estimate(source, [f"x{j}" for j in range(p.d)], k, loss=loss, penalty=penalty or NoPenalty())
        return torch.cat([found.theta.ravel(), found.centre, torch.tensor([found.value])])

    near(theta(size), theta(None), tolerance(penalty))


@given(problems(classes=(2,)))
@FEW
def test_bad_112_softmax_of_two_classes_is_the_binary_model(problem):
    p = problem
    binary, softmax = fit(p.x, p.y), fit(p.x, p.y, loss="softmax")
    near(softmax.theta[:, 1:] - softmax.theta[:, :1], binary.theta, 1e-10)
    near(softmax.predict_proba(p.x), binary.predict_proba(p.x), 1e-10)
    assert softmax.log_likelihood == pytest.approx(binary.log_likelihood, rel=1e-12)
    difference = np.kron(np.eye(p.d + 1), [[-1.0, 1.0]])
    covariance = difference @ softmax.covariance.numpy() @ difference.T
    near(np.sqrt(np.diag(covariance))[:, None], binary.std_error, 1e-10)
    # Coefficients of the classes sum to zero, so their sum has no variance.
    near(softmax.theta.sum(1), np.zeros(p.d + 1), 1e-12)
    near(
        softmax.covariance @ torch.eye(p.d + 1).double().repeat_interleave(2, 0),
        np.zeros((2 * p.d + 2, p.d + 1)),
        1e-12,
    )


@given(problems())
@FEW
def test_unpenalised_residuals_are_orthogonal_to_the_columns(problem):
    """X'(y − p) = 0, and with the intercept mean(p) = mean(y) in every class."""
    p = problem
    proba = fit(p.x, p.y).predict_proba(p.x).numpy()
    residual = np.eye(p.classes)[p.y] - proba
    near(proba.mean(0), np.bincount(p.y) / p.n, 1e-13)
    near(p.x.T @ residual / (np.abs(p.x).T @ np.ones((p.n, p.classes))), np.zeros((p.d, p.classes)), 1e-13)


@given(problems(), st.sampled_from([L2(0.7), L2(1e-4)]))
@FEW
def test_columns_given_twice_share_a_ridge_equally(problem, penalty):
    p = problem
    twice = fit(np.hstack([p.x, p.x]), p.y, penalty=penalty)
    once = fit(p.x, p.y, penalty=L2(penalty.strength / 2))
    near(twice.coef[: p.d], twice.coef[p.d :], 1e-9)
    near(2 * twice.coef[: p.d], once.coef, 1e-8)


@given(problems())
@FEW
def test_columns_given_twice_without_a_penalty_are_aliased(problem):
    p = problem
    with pytest.warns(AliasedWarning):
        twice = fit(np.hstack([p.x, p.x]), p.y)
    assert twice.aliased == tuple(f"x{j + 1}" for j in range(p.d, 2 * p.d))
    near(twice.coef[: p.d], fit(p.x, p.y).coef, 1e-10)
    near(twice.coef[p.d :], np.zeros((p.d, len(twice.coef[0]))), 0)


@given(problems(), st.integers(1, 4))
@FEW
def test_a_larger_model_is_no_less_likely(problem, more):
    p = problem
    wider = np.hstack([p.x, p.rng.normal(size=(p.n, more))])
    small, large = fit(p.x, p.y), fit(wider, p.y)
    assert large.log_likelihood >= small.log_likelihood - 1e-9
    assert small.log_likelihood >= small.null_log_likelihood - 1e-9


BIG = Problem(5, 20_000, 12, 2)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("solver", ["auto", LBFGS()], ids=["auto", "lbfgs"])
def test_bad_122_threads_and_runs(threads, solver):
    found = {}
    for count in (1, 2):
        threads(count)
        first, again = fit(BIG.x, BIG.y, solver=solver), fit(BIG.x, BIG.y, solver=solver)
        assert torch.equal(first.theta, again.theta), "the same run twice gives other bits"
        assert torch.equal(first.std_error, again.std_error)
        found[count] = first
    near(found[1].theta, found[2].theta, 1e-12)
    near(found[1].predict_proba(BIG.x), found[2].predict_proba(BIG.x), 1e-12)


def default_dtype(dtype):
    def switch(on):
        torch.set_default_dtype(dtype if on else torch.float32)

    return switch


def default_device(on):
    torch.set_default_device("meta" if on else None)


def matmul_precision(on):
    torch.set_float32_matmul_precision("medium" if on else "highest")


def deterministic(on):
    torch.use_deterministic_algorithms(on)


def flush_denormal(on):
    torch.set_flush_denormal(on)


def grad_mode(on):
    torch.set_grad_enabled(not on)


@pytest.mark.parametrize(
    "switch",
    [
        default_dtype(torch.float16),
        default_dtype(torch.float64),
        default_device,
        matmul_precision,
        deterministic,
        flush_denormal,
        grad_mode,
    ],
    ids=["float16", "float64", "device", "matmul", "deterministic", "denormal", "grad"],
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_bad_031_126_127_global_switches_of_torch_change_nothing(switch, dtype):
    p = Problem(3, 150, 3, 3)
    plain = fit(p.x, p.y, dtype=dtype)
    expected = plain.predict_proba(p.x)
    switch(True)
    try:
        switched = fit(p.x, p.y, dtype=dtype)
        proba = switched.predict_proba(p.x)
        table = switched.table() if dtype == "float64" else None
    finally:
        switch(False)
    assert torch.equal(switched.theta, plain.theta)
    assert torch.equal(switched.std_error, plain.std_error)
    assert torch.equal(proba, expected)
    if table is not None:
        assert np.array_equal(table.z, plain.table().z)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize(
    "context", [torch.inference_mode, lambda: torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad]
)
def test_bad_031_126_contexts_of_torch_change_nothing(context, penalty, dtype):
    p = Problem(4, 150, 3, 2)
    plain = fit(p.x, p.y, penalty=penalty, dtype=dtype)
    with context():
        inside = fit(torch.from_numpy(p.x), torch.from_numpy(p.y), penalty=penalty, dtype=dtype)
        proba = inside.predict_proba(p.x)
    assert torch.equal(inside.theta, plain.theta)
    assert torch.equal(proba, plain.predict_proba(p.x))


@given(problems(), any_penalty())
@FEW
def test_float32_agrees_to_four_digits(problem, penalty):
    p = problem
    near(fit(p.x, p.y, penalty=penalty, dtype="float32").theta, fit(p.x, p.y, penalty=penalty).theta, 1e-4)


@given(problems(), any_penalty())
@FEW
def test_saved_and_loaded_predicts_bitwise_the_same(problem, penalty):
    import tempfile

    p = problem
    model = fit(p.x, p.y, penalty=penalty)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/m")
        loaded = torchlogit.load(f"{folder}/m")
    assert torch.equal(loaded.predict_proba(p.x), model.predict_proba(p.x))


def test_the_callers_random_numbers_are_left_alone():
    p = Problem(1, 120, 2, 2)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(p.x, p.y, solver=torchlogit.SGD(epochs=2))
        fit(BIG.x, BIG.y, solver=LBFGS())
    assert torch.equal(torch.rand(3), expected)
