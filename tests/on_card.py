"""Fits with their rows on a card, pretended or real, beside those on the CPU. `test_card` runs this in a process of its own."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from card import place, pretended

import torchlogit
from torchlogit import L1, L2, LBFGS, SGD, ElasticNet, Jeffreys

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 5)) @ np.diag([1, 2, 0.5, 1, 3]) + 1
Y = (RNG.random(120) < 1 / (1 + np.exp(-X[:, 0] + 0.4 * X[:, 1]))).astype(int)
THREE = (Y + (RNG.random(120) < 0.4)).astype(int)
WEIGHT, OFFSET = RNG.integers(1, 4, 120).astype(float), RNG.normal(size=120) / 3
WIDE = RNG.normal(size=(30, 80))

FITS = {
    "newton": lambda x: torchlogit.fit(x, Y),
    "lbfgs": lambda x: torchlogit.fit(x, Y, penalty=L2(1.0), solver=LBFGS()),
    "l1": lambda x: torchlogit.fit(x, Y, penalty=L1(4.0)),
    "elastic net": lambda x: torchlogit.fit(x, Y, penalty=ElasticNet(4.0, 0.5)),
    "softmax": lambda x: torchlogit.fit(x, THREE),
    "softmax l1": lambda x: torchlogit.fit(x, THREE, penalty=L1(4.0)),
    "weights": lambda x: torchlogit.fit(x, Y, weight=WEIGHT, offset=OFFSET),
    "probit": lambda x: torchlogit.fit(x, Y, link="probit"),
    "firth": lambda x: torchlogit.fit(x, Y, penalty=Jeffreys()),
    "firth, three classes": lambda x: torchlogit.fit(x, THREE, penalty=Jeffreys()),
    "collinear": lambda x: torchlogit.fit(torch.cat([x, x[:, :1] + x[:, 1:2]], 1), Y),
    "sgd": lambda x: torchlogit.fit(x, Y, solver=SGD(lr=1e-3, epochs=3, batch_size=50)),
    "wide": lambda x: torchlogit.fit(x[:30, :1] + torch.from_numpy(WIDE).to(x.device), Y[:30], penalty=L2(1.0)),
}  # fmt: skip


def close(here, there, atol=1e-9):
    np.testing.assert_allclose(np.asarray(here.cpu()), np.asarray(there.cpu()), atol=atol, rtol=1e-9)


ASKED = {
    "HC1": lambda fit, x: fit.robust("HC1").std_error,
    "tests": lambda fit, x: [fit.tests(kind).statistic for kind in ("lr", "wald", "score")],
    "profile": lambda fit, x: [fit.profile().low, fit.profile().high],
    "effects": lambda fit, x: fit.effects().std_error,
    "influence": lambda fit, x: fit.influence().cooks_distance,
    "predictions": lambda fit, x: fit.predict_proba(x),
    "evaluate": lambda fit, x: fit.evaluate()["auc"].value,
    "pickle": lambda fit, x: pickle.loads(pickle.dumps(fit)).theta,
}
MANY = {
    "fit_many": lambda x: torchlogit.fit_many(x, Y, groups=np.arange(120) % 6).theta,
    "fit_path": lambda x: torchlogit.fit_path(x, Y, n_strengths=2).theta,
    "bootstrap": lambda x: torchlogit.bootstrap(x, Y, 20, seed=1).theta,
    "cv": lambda x: torchlogit.LogisticRegressionCV(Cs=2, cv=2).fit(x, torch.from_numpy(Y).to(x.device)).coef_,
    "partial_fit": lambda x: torchlogit.LogisticRegression(tol=1e-9).partial_fit(x, Y, [0, 1]).coef_,
    "separated": lambda x: torchlogit.fit(x, (x[:, 0] > 1).cpu().numpy().astype(int)).infinite,
    "float32": lambda x: torchlogit.fit(x.float(), Y, dtype="float32").theta,
}


@pytest.fixture(
    params=[
        "pretended",
        pytest.param(
            "cuda",
            marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")],
        ),
    ]
)
def card(request):
    """A card's device: the pretended one, and a real one where there is one."""
    if request.param == "cuda":
        yield torch.device("cuda", 0)
        return
    with pretended():
        yield place()


def numbers(found):
    if isinstance(found, list):
        return np.concatenate([numbers(each).ravel() for each in found])
    return np.asarray(found.cpu() if isinstance(found, torch.Tensor) else found, dtype=float)


def test_the_pretended_card_refuses_what_a_card_refuses():
    with pretended() as card:
        x = torch.ones(3).to(place())
        assert x.device == (x + 1).device == place()
        with pytest.raises(RuntimeError, match="same device"):
            x + torch.ones(3)
        with pytest.raises(RuntimeError, match="same device"):
            torch.cat([x, torch.ones(1)])
        with pytest.raises(TypeError, match="numpy"):
            x.numpy()
        assert not card.waits
        x += torch.ones(3).to(place())
        assert x.cpu().tolist() == [2, 2, 2]
        assert card.waits == ["_to_copy"]
        assert bool((x > 1).all())
        assert card.waits == ["_to_copy", "_local_scalar_dense"]


@pytest.mark.filterwarnings("ignore::torchlogit.NotCertifiedWarning", "ignore::torchlogit.AliasedWarning")
@pytest.mark.parametrize("kind", FITS)
def test_a_fit_on_a_card_is_the_fit_on_the_cpu(kind, card):
    known, fit = (FITS[kind](torch.from_numpy(X).to(place)) for place in ("cpu", card))
    close(fit.theta, known.theta)
    if not known.no_errors:
        close(fit.std_error, known.std_error)
    assert fit.certified == known.certified


@pytest.mark.parametrize("what", ASKED)
def test_what_a_fit_on_a_card_is_asked(what, card):
    rows = [torch.from_numpy(X).to(place) for place in ("cpu", card)]
    known, found = (numbers(ASKED[what](torchlogit.fit(x, Y), x)) for x in rows)
    np.testing.assert_allclose(found, known, rtol=1e-8, atol=1e-10)


@pytest.mark.filterwarnings("ignore::torchlogit.NotCertifiedWarning")
@pytest.mark.parametrize("kind", MANY)
def test_many_fits_on_a_card(kind, card):
    known, found = (numbers(MANY[kind](torch.from_numpy(X).to(place))) for place in ("cpu", card))
    np.testing.assert_allclose(found, known, rtol=1e-8, atol=1e-6 if kind == "float32" else 1e-9)


STREAMS = {
    "newton": {},
    "l1": {"penalty": L1(4.0)},
    "softmax": {"target": "three", "weight": "w", "offset": "o"},
    "firth": {"penalty": Jeffreys()},
    "float32": {"dtype": "float32"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three files of forty rows."""
    out = tmp_path_factory.mktemp("rows")
    table = pd.DataFrame({f"x{j}": X[:, j] for j in range(5)})
    table = table.assign(y=Y, three=THREE, w=WEIGHT, o=OFFSET, town=RNG.choice(["Bonn", "Ulm", "Wien"], 120))
    for i in range(3):
        table[40 * i : 40 * (i + 1)].to_parquet(out / f"part-{i}.parquet", write_page_checksum=True)
    return out


@pytest.mark.parametrize("kind", STREAMS)
def test_rows_read_in_parts_go_to_a_card(folder, kind, card):
    how = {"target": "y", "features": [f"x{j}" for j in range(5)], "memory": "16KiB", **STREAMS[kind]}
    known, fit = torchlogit.fit(folder, **how), torchlogit.fit(folder, **how, device=card)
    atol = 1e-5 if kind == "float32" else 1e-9
    close(fit.theta, known.theta, atol)
    if not known.no_errors:
        close(fit.std_error, known.std_error, atol)
    if kind == "newton":
        close(fit.robust("HC1").std_error, known.robust("HC1").std_error, atol)
    assert fit.stream is not None


def test_rows_that_fit_are_kept_on_the_card(folder):
    with pretended():
        fit = torchlogit.fit(folder, "y", features=["x0", "x1"], memory="64KiB", penalty=L1(1.0), device=place())
    assert fit.certified


def test_a_fit_on_a_card_goes_on_from_its_checkpoint(folder, tmp_path):
    how = {"features": ["x0", "x1"], "memory": "16KiB", "checkpoint": tmp_path / "c"}
    with pretended():
        first = torchlogit.fit(folder, "y", **how, device=place())
        again = torchlogit.fit(folder, "y", **how, device=place())
    assert torch.equal(first.theta, again.theta)


@pytest.mark.parametrize("classes", [Y, THREE])
def test_the_host_waits_for_no_pass(classes):
    from torchlogit.losses import loss_for
    from torchlogit.moments import moments
    from torchlogit.objective import Objective
    from torchlogit.rank import independent
    from torchlogit.sources.memory import MemorySource

    def objective(x):
        source = MemorySource(x, torch.from_numpy(classes).to(x.device), block_rows=70)
        coordinates = independent(source, moments(source)).coordinates
        k, loss = loss_for("auto", int(classes.max()) + 1)
        penalty = L2(1.0).strengths(tuple("abcde"), coordinates, True)
        return Objective(source, loss, penalty, k, coordinates)

    with pretended() as card:
        of = objective(torch.from_numpy(X).to(place()))
        theta = of.zeros() + 0.1
        for work in (lambda: of.taylor(theta, 1), lambda: of.taylor(theta, 2), lambda: of.hvp(theta, theta)):
            card.waits.clear()
            work()
            assert not card.waits
