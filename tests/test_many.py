"""Many fits of one table: each equals the single fit of its rows, whatever else the table holds."""

import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import torchlogit
from torchlogit import L1, L2, AliasedWarning, DataError, DataWarning, NotCertifiedWarning, Status, fit, fit_many
from torchlogit.kernels import many as kernel

FEW = settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


def rows(seed=0, sizes=(60, 45, 90, 120), d=3, shift=2.0):
    """A table whose groups have different sizes and models; group 0 is number 10, group 1 number 20, …"""
    rng = np.random.default_rng(seed)
    n = sum(sizes)
    group = np.repeat(10 * np.arange(1, len(sizes) + 1), sizes)
    x = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) * 10.0 ** rng.integers(-3, 4, d) + shift * rng.normal(size=d)
    z = (x - x.mean(0)) / x.std(0)
    beta = rng.normal(size=(len(sizes), d)) * 0.7
    eta = (z * np.repeat(beta, sizes, axis=0)).sum(1) + rng.normal(size=n) * 1.5
    return x, (eta > 0.2).astype(int), group


def quiet(call, *args, **words):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*args, **words)


def near(a, b, rel):
    a, b = np.asarray(a, float), np.asarray(b, float)
    assert a.shape == b.shape
    assert (np.isnan(a) == np.isnan(b)).all()
    size = np.nanmax(np.abs(b), initial=0)
    assert np.nanmax(np.abs(a - b), initial=0) <= rel * max(size, 1e-300)


def errors(single):
    if single.covariance_root is None:
        return np.full(single.theta.shape, np.nan)
    found = single.std_error.numpy().copy()
    for dependence in single.dependences:
        found[dependence.column + single.intercept] = np.nan
    return found


def agree(result, x, y, group, weight=None, offset=None, **words):
    """Every member of the batch is the single fit of its rows."""
    for g, label in enumerate(result.groups):
        here = group == label
        part = {"weight": weight, "offset": offset}
        part = {name: value[here] for name, value in part.items() if value is not None}
        single = quiet(fit, x[here], y[here], **part, **words)
        assert result.status[g] is single.status, label
        # scaled by the standard error's own unit: theta's entries differ in size by orders of magnitude
        for j in range(len(single.theta)):
            near(result.theta[g, j], single.theta[j], 1e-9 if single.certified else 1e-6)
        near(result.std_error[g], errors(single), 1e-8)
        if single.certified:
            assert float(result.certificate.relative_distance[g]) <= single.certificate.tol
        near(result.log_likelihood[g], single.log_likelihood, 1e-9)
        near(result.null_log_likelihood[g], single.null_log_likelihood, 1e-12)
        assert result.n_rows[g] == here.sum()


@FEW
@given(
    st.integers(0, 10**6),
    st.lists(st.integers(40, 130), min_size=1, max_size=6),
    st.integers(1, 5),
    st.sampled_from([None, L2(0.3), L2([0.1, 0.2, 0.3, 0.4, 0.5])]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_members_equal_single_fits(seed, sizes, d, penalty, intercept, weighted, offset):
    x, y, group = rows(seed, sizes, d, shift=2.0 if intercept else 0.3)
    rng = np.random.default_rng(seed)
    if isinstance(penalty, L2) and not isinstance(penalty.strength, float):
        penalty = L2(penalty.strength[:d])
    words = {"penalty": penalty, "intercept": intercept}
    more = {"weight": rng.integers(0, 4, len(x)) + 0.5 * (rng.random(len(x)) < 0.9)} if weighted else {}
    more |= {"offset": rng.normal(size=len(x))} if offset else {}
    shuffled = rng.permutation(len(x))
    x, y, group = x[shuffled], y[shuffled], group[shuffled]
    more = {name: value[shuffled] for name, value in more.items()}
    result = quiet(fit_many, x, y, groups=group, **words, **more)
    agree(result, x, y, group, **words, **more)


def difficult():
    """Groups: ordinary, separated, separated in part, one class, a constant column, a repeated one, too few rows, collinear."""
    rng = np.random.default_rng(5)
    blocks = []
    for name in ("fine", "separated", "in part", "one class", "constant", "repeated", "few", "collinear", "far"):
        n = 3 if name == "few" else 60
        x = rng.normal(size=(n, 3))
        y = (x[:, 0] + rng.logistic(size=n) > 0).astype(int)
        if name == "separated":
            y = (x[:, 0] > 0).astype(int)
        elif name == "in part":
            x[:, 2] = np.arange(n) % 4 == 0
            y[x[:, 2] == 1] = 1
        elif name == "one class":
            y[:] = 1
        elif name == "constant":
            x[:, 1] = 7
        elif name == "repeated":
            x[:, 2] = 2 * x[:, 0] - 1
        elif name == "few":
            y[:] = [0, 1, 0]
        elif name == "collinear":
            x[:, 2] = x[:, 0] + 1e-5 * x[:, 2]
        elif name == "far":
            x[:, 1] = 1e9 + x[:, 1]
        blocks.append((name, x, y))
    names = np.concatenate([[name] * len(x) for name, x, _ in blocks]).astype(object)
    return np.concatenate([x for _, x, _ in blocks]), np.concatenate([y for *_, y in blocks]), names


def test_bad_groups_have_a_status_and_a_sentence():
    x, y, group = difficult()
    with pytest.warns(NotCertifiedWarning, match="4 of 9 groups"), pytest.warns(AliasedWarning, match="'repeated'"):
        result = fit_many(x, y, groups=group)
    status = {label: str(s) for label, s in zip(result.groups, result.status, strict=True)}
    bad = {"separated": "separated", "in part": "separated", "one class": "separated", "few": "flat"}
    assert status == {label: bad.get(label, "converged") for label in status}
    assert "one class only, 1" in result.sentences["one class"]
    assert "split perfectly by `x1`" in result.sentences["separated"]
    assert "3 rows cannot determine 4" in result.sentences["few"]
    assert "`x2` is constant" in result.sentences["constant"]
    assert "fine" not in result.sentences
    table = result.table()
    assert np.isnan(table.estimate[(table.group == "constant") & (table.term == "x2")]).all()
    assert result.theta[result.aliased].eq(0).all()
    assert result.aliased.sum() == 2
    fitted = [label not in ("one class", "few") for label in group]
    keep = [label not in ("one class", "few") for label in result.groups]
    part = quiet(fit_many, x[fitted], y[fitted], groups=group[fitted])
    agree(part, x[fitted], y[fitted], group[fitted])
    assert torch.equal(result.theta[keep].nan_to_num(7), part.theta.nan_to_num(7))  # the bad ones change nothing
    assert bool(result.theta[[not k for k in keep]].isnan().all())


def test_strict_raises_and_names_the_groups():
    x, y, group = difficult()
    with pytest.raises(torchlogit.NotCertifiedError, match=r"4 of 9 groups by `groups` .*'few' \(flat\)"):
        quiet(fit_many, x, y, groups=group, strict=True)


def test_a_single_fit_is_at_hand():
    x, y, group = difficult()
    result = quiet(fit_many, x, y, groups=group)
    single = quiet(fit, x[group == "fine"], y[group == "fine"])
    assert torch.equal(result["fine"].theta, single.theta)
    assert result["in part"].status is Status.separated
    with pytest.raises(DataError, match=r"group 'one class': .*one class only"):
        result["one class"]
    with pytest.raises(torchlogit.ParameterError, match="no group 'nowhere'"):
        result["nowhere"]


def test_two_classes_of_which_one_weighs_nothing():
    x, y, group = rows()
    weight = np.where((group == 20) & (y == 1), 0.0, 1.0)
    weight[group == 30] = 0
    result = quiet(fit_many, x, y, groups=group, weight=weight)
    assert [str(s) for s in result.status] == ["converged", "separated", "flat", "converged"]
    assert "weight 0" in result.sentences[20]
    assert "all weights are zero" in result.sentences[30]


def test_statsmodels_agrees():
    x, y, group = rows(3)
    result = fit_many(x, y, groups=group)
    for g, label in enumerate(result.groups):
        here = group == label
        there = sm.Logit(y[here], sm.add_constant(x[here])).fit(disp=0, method="newton", maxiter=100, tol=1e-9)
        np.testing.assert_allclose(result.theta[g, :, 0], there.params, rtol=1e-6)
        np.testing.assert_allclose(result.std_error[g, :, 0], there.bse, rtol=1e-6)
        assert result.log_likelihood[g] == pytest.approx(there.llf)
        assert result.null_log_likelihood[g] == pytest.approx(there.llnull)


def problems():
    rng = np.random.default_rng(11)
    x, y, group = rows(11, (50, 300, 41, 77, 64), 5)
    start = torch.from_numpy(np.concatenate([[0], np.cumsum(np.bincount(group // 10)[1:])]))
    n = len(x)
    plain = kernel.Groups(
        torch.from_numpy(x), start, None, torch.from_numpy(y), None, None, torch.zeros(5, dtype=torch.float64), True
    )
    weight, offset = torch.from_numpy(rng.random(n) + 0.1), torch.from_numpy(rng.normal(size=n))
    order = torch.from_numpy(
        np.concatenate([rng.permutation(np.arange(a, b)) for a, b in start.unfold(0, 2, 1).tolist()])
    )
    counts = torch.from_numpy(rng.integers(0, 4, n).astype(float))
    begin = torch.from_numpy(rng.normal(size=6)) * 1e-3
    ridge = torch.linspace(0.1, 3, 5, dtype=torch.float64)
    yield "plain", plain
    yield "weights", plain._replace(weight=weight)
    yield "offsets", plain._replace(offset=offset)
    yield "no intercept", plain._replace(intercept=False, begin=begin[1:])
    yield "no intercept, offsets", plain._replace(intercept=False, offset=offset, weight=weight)
    yield "ridge", plain._replace(strength=ridge, offset=offset, weight=weight)
    yield "order and counts", plain._replace(order=order, counts=counts, weight=weight, begin=begin)
    yield "float32", plain._replace(x=plain.x.float())
    yield "columns", plain._replace(x=plain.x.T.contiguous().T)
    yield "strided", plain._replace(x=plain.x.repeat_interleave(2, 0).repeat_interleave(2, 1)[::2, ::2])


@pytest.mark.parametrize("name", [name for name, _ in problems()])
def test_the_kernel_does_what_its_plain_twin_does(name):
    compiled = getattr(kernel.library(), "many_logistic", None)
    if compiled is None:
        pytest.skip("no compiled kernels here")
    groups = dict(problems())[name]
    a, b = kernel.compiled(compiled, groups, 25, 1e-20), kernel.plain(groups, 25, 1e-20)
    assert bool(a.done.all())
    assert torch.equal(a.done, b.done)
    assert torch.equal(a.steps, b.steps)
    for field in ("theta", "error", "value", "log_likelihood", "null_log_likelihood"):
        torch.testing.assert_close(getattr(a, field), getattr(b, field), rtol=1e-10, atol=1e-9)
    assert float(a.distance.max()) <= 1e-20
    assert float(a.slope.max()) < 1e-6


def test_groups_longer_than_a_tile(monkeypatch):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30_000, 4)) + 3
    y = (x @ [1.0, -1, 0.5, 0] + rng.logistic(size=30_000) > 1).astype(int)
    group = np.repeat([0, 1], [20_000, 10_000])
    result = fit_many(x, y, groups=group)
    agree(result, x, y, group)
    groups = result.fitting.batch(result.grouping.start, None)
    assert bool(kernel.newton(groups, 25, 1e-20).done.all())
    monkeypatch.setattr(kernel, "LARGEST", 15_000 * 25)  # a group larger than that is none of the batch's
    for fitted in (kernel.newton, kernel.plain):
        assert fitted(groups, 25, 1e-20).done.tolist() == [False, True]


def test_what_the_batch_leaves_open():
    x, y, group = difficult()
    result = quiet(fit_many, x, y, groups=group)
    groups = result.fitting.batch(result.grouping.start, result.grouping.order)
    for fitted in (kernel.newton, kernel.plain):
        done = dict(zip(result.groups.tolist(), fitted(groups, 25, 1e-20).done.tolist(), strict=True))
        assert {label for label, ended in done.items() if ended} == {"fine", "far"}
        early = fitted(groups, 25, 1e-6).done.tolist()  # where a step is small beside F, but still moves the split rows
        assert {label for label, ended in zip(result.groups, early, strict=True) if ended} == {"fine", "far"}
        assert not bool(fitted(groups, 1, 1e-20).done.any())
        assert not bool(fitted(groups._replace(x=groups.x * torch.nan), 25, 1e-20).done.any())


def test_permuted_rows_and_other_labels_change_nothing():
    x, y, group = rows(4)
    result, order = fit_many(x, y, groups=group), np.random.default_rng(0).permutation(len(x))
    for labels in (group, -group.astype(float), np.array(["d", "c", "b", "a"])[group // 10 - 1], group > 10):
        other = quiet(fit_many, x[order], y[order], groups=labels[order])
        assert other.groups.tolist() == sorted(set(labels.tolist()))
        if len(other) == len(result):
            where = [other.groups.tolist().index(labels[group == g][0]) for g in result.groups]
            near(other.theta[where], result.theta, 1e-11)
            near(other.std_error[where], result.std_error, 1e-11)


def test_weights_are_repeated_rows():
    x, y, group = rows(6)
    weight = np.random.default_rng(1).integers(1, 4, len(x))
    a = fit_many(x, y, groups=group, weight=weight)
    b = fit_many(x.repeat(weight, 0), y.repeat(weight), groups=group.repeat(weight))
    near(a.theta, b.theta, 1e-11)
    near(a.std_error, b.std_error, 1e-11)


@pytest.mark.parametrize("words", [{"penalty": L1(2.0)}, {"link": "probit"}, {"max_iter": 0}])
def test_what_is_not_in_the_batch_is_fitted_singly(words):
    x, y, group = rows(7)
    result = quiet(fit_many, x, y, groups=group, **words)
    agree(result, x, y, group, **words)


def test_more_than_two_classes():
    rng = np.random.default_rng(8)
    x, group = rng.normal(size=(240, 2)), np.repeat(["a", "b", "c"], 80)
    y = (x[:, :1] + rng.gumbel(size=(240, 3))).argmax(1)
    y[group == "c"] %= 2
    with pytest.warns(NotCertifiedWarning, match=r"1 of 3 groups by `groups` \(1 separated\): 'c'"):
        result = fit_many(x, y, groups=group)
    assert result.theta.shape == (3, 3, 3)
    keep = group != "c"
    agree(fit_many(x[keep], y[keep], groups=group[keep]), x[keep], y[keep], group[keep])
    assert "no row has class 2" in result.sentences["c"]
    assert result["c"].classes.tolist() == [0, 1]
    assert len(result.table().group) == 27
    assert "x2 (2)" in result.summary()


def test_sparse_and_whole_number_tables():
    from scipy.sparse import csr_array

    x, y, group = rows(9)
    x = np.round(3 * (x - x.mean(0)) / x.std(0)).astype(int)
    result = fit_many(x, y, groups=group)
    agree(result, x, y, group)
    near(fit_many(csr_array(x), y, groups=group).theta, result.theta, 1e-11)


def frame():
    x, y, group = rows(10)
    rng = np.random.default_rng(10)
    table = pd.DataFrame(x, columns=["a", "b", "c"])
    table["kind"] = rng.choice(["low", "mid", "high"], len(x))
    return table.assign(passed=np.where(y == 1, "yes", "no"), school=np.array(["N", "S", "E", "W"])[group // 10 - 1])


def test_a_data_frame_by_column_name():
    table = frame()
    result = fit_many(table, "passed", groups="school", reference={"kind": "mid"})
    assert result.groups.tolist() == ["E", "N", "S", "W"]
    assert result.by == "school"
    assert result.columns == ("a", "b", "c", "kind=high", "kind=low")
    single = quiet(fit, table[table.school == "S"].drop(columns="school"), "passed", reference={"kind": "mid"})
    near(result.theta[2], single.theta, 1e-9)
    long = pd.DataFrame(result.table(0.9)._asdict())
    assert len(long) == 4 * 6
    part = long[long.group == "S"]
    expected = single.table(0.9)
    for name in ("estimate", "std_error", "z", "p", "low", "high"):
        np.testing.assert_allclose(part[name], getattr(expected, name), rtol=1e-7)
    assert part.term.tolist() == list(expected.term)
    assert set(part.label) == {"yes"}


def test_missing_cells_are_dropped_with_their_labels():
    table = frame()
    table.loc[[0, 70], "b"] = np.nan
    table.loc[3, "passed"] = None
    with pytest.raises(DataError, match="rows 1, 71"):
        fit_many(table, "passed", groups="school")
    result = fit_many(table, "passed", groups=table.school, features=["a", "b"], missing="drop")
    clean = table.drop(index=[0, 3, 70])
    near(result.theta, fit_many(clean, "passed", groups="school", features=["a", "b"]).theta, 1e-12)
    assert result.dropped == 3
    assert result.n_rows.sum() == len(clean)
    assert "Dropped 3 of 315 rows" in result.summary()


def test_a_group_that_loses_all_its_rows_is_gone():
    x, y, group = rows(4)
    y = y.astype(float)
    y[group == 30] = np.nan
    assert fit_many(x, y, groups=group, missing="drop").groups.tolist() == [10, 20, 40]


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ([None, *["a"] * 314], "names no group in row 1"),
        (np.r_[np.nan, np.ones(313), np.nan], "names no group in rows 1, 315"),
        (["a", 1] * 157 + ["a"], "mix numbers with text"),
        (["a"] * 300, "300 labels for 315 rows"),
        ("school", "names a column"),
    ],
)
def test_group_labels_that_cannot_be_used(labels, told):
    x, y, _ = rows()
    with pytest.raises((DataError, torchlogit.ParameterError), match=told):
        fit_many(x, y, groups=labels)


def test_indexes_that_disagree_are_refused():
    table = frame()
    with pytest.raises(DataError, match="indexes of X and groups disagree"):
        fit_many(table, "passed", groups=table.school.iloc[::-1])


def test_cells_that_are_not_finite_are_named_as_the_table_has_them():
    x, y, group = rows()
    x[100, 2] = np.nan
    with pytest.raises(DataError, match=r"`x3` \(index 2\) holds NaN in row 101"):
        fit_many(x, y, groups=group)


@pytest.mark.parametrize("words", [{"penalty": 1.0}, {"max_iter": -1}, {"tol": -1.0}, {"link": "identity"}])
def test_words_that_mean_nothing(words):
    x, y, group = rows()
    with pytest.raises(torchlogit.ParameterError):
        fit_many(x, y, groups=group, **words)


def test_numbers_so_large_that_their_sum_is_infinite():
    x, y, group = rows()
    x /= abs(x).max(0)
    x[group == 10] *= 1e308
    x[group == 20] *= 1e150
    result = quiet(fit_many, x, y, groups=group)
    assert [str(s) for s in result.status] == ["not_finite", "converged", "converged", "converged"]


def test_the_summary_fits_eighty_columns():
    x, y, group = difficult()
    text = quiet(fit_many, x, y, groups=group).summary()
    assert max(map(len, text.splitlines())) <= 80
    assert "5 converged, 3 separated, 1 flat" in text
    assert "Not certified: 4 of 9 groups" in text
    x, y, group = rows(1)
    assert "not certified" not in fit_many(x, y, groups=group).summary().lower()


def test_the_callers_table_is_left_alone():
    x, y, group = rows(1)
    before = x.copy(), y.copy(), group.copy()
    fit_many(x, y, groups=group)[10]
    assert all(np.array_equal(a, b) for a, b in zip(before, (x, y, group), strict=True))


def test_few_rows_of_a_class_in_the_whole_table_are_told_once():
    x, _, group = rows(1)
    with pytest.warns(DataWarning, match="fewer than 8 rows"):
        fit_many(x[:60], (np.arange(60) < 7).astype(int), groups=group[:60])


def test_without_compiled_kernels_it_is_the_same(monkeypatch):
    x, y, group = difficult()
    result = quiet(fit_many, x, y, groups=group)
    monkeypatch.setattr(kernel, "library", lambda: None)
    plain = quiet(fit_many, x, y, groups=group)
    assert plain.status == result.status
    near(plain.theta[result.certified], result.theta[result.certified], 1e-9)
    near(plain.std_error[result.certified], result.std_error[result.certified], 1e-8)
