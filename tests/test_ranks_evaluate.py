"""Metrics, calibration and inference where rows are spread over ranks: the numbers of the same rows in memory, on every rank."""

import contextlib
import io
import json
import os
import socket

import numpy as np
import pyarrow as pa
import pytest
from ranks import fit_here, spread
from streams import MEMORY, numbers, table, write
from test_calibration_stream import assert_same as assert_same_calibration
from test_evaluate_stream import assert_same

import torchlogit
from torchlogit import DataError, DistributedError, Jeffreys, ParameterError

FEW = {"resamples": 300}
OWN = {"weight": "w", "offset": "o"}
METHODS = ("platt", "beta")


def here(**more):
    """What says that the rows are spread over all ranks."""
    return {"process_group": "world", "timeout": float(os.environ["TEST_TIMEOUT"]), **more}


def rows_of(two):
    """Rows that no model here was fitted to, of two classes or three, with gaps, those of the first class first."""
    data = table(5000, seed=7, classes=2 if two else 3, gaps=True)
    return data.sort_by("y")


@pytest.fixture(scope="module")
def models():
    """Fits of two classes, with weights and offsets, and of three."""
    how = {"features": ["a", "b", "town"], "missing": "drop"}
    return [torchlogit.fit(table(900, classes=k, gaps=True), "y", **how, **(OWN if k == 2 else {})) for k in (2, 3)]


def answers(data, models, **how):
    """What is asked of the models, on one rank or alone; ``data`` are the rows of either."""
    (two, three), (rows, others), asked = models, data, {"missing": "drop", **how}
    out = {
        "two": two.evaluate(rows, threshold=0.3, **FEW, **asked),
        "three": three.evaluate(others, **FEW, **asked),
        "two calibration": two.calibration(rows, **asked),
        "three calibration": three.calibration(others, label=2, **asked),
        "reliability": two.reliability(rows, bins=7, rule="width", **asked),
        **{method: torchlogit.calibrate(two, rows, method, **asked) for method in METHODS},
    }
    return bare(out)


def bare(found):
    """What goes through a pipe: a calibrator instead of a model."""
    return {
        name: (each.calibrator, each.calibrated_on, each.calibration_likelihood) if name in METHODS else each
        for name, each in found.items()
    }


def answers_here(rank, models, data):
    if data == "own rows":  # five of the first class alone, all others, none
        cuts = [0, 5, 5000, 5000]
        data = [rows_of(two).slice(cuts[rank], cuts[rank + 1] - cuts[rank]) for two in (True, False)]
    return answers(data, models, **here())


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    return [write(folder / str(two), rows_of(two)) for two in (True, False)]


@pytest.fixture(scope="module")
def in_memory(models):
    return answers([rows_of(True), rows_of(False)], models)


@pytest.fixture(scope="module")
def in_parts(models, folders):
    return models[0].evaluate(folders[0], threshold=0.3, missing="drop", memory=MEMORY, **FEW)


@pytest.mark.parametrize("size", [2, 3])
def test_the_same_wherever_the_rows_lie(in_memory, in_parts, models, folders, size):
    every = spread(size, answers_here, models, folders if size == 2 else "own rows")
    first = every[0]
    assert not isinstance(first, Exception), first
    assert_same(first["two"], in_memory["two"])
    assert_same(first["three"], in_memory["three"], intervals=False)
    for name in ("two calibration", "three calibration"):
        assert_same_calibration(first[name], in_memory[name])
    np.testing.assert_allclose(first["reliability"].observed, in_memory["reliability"].observed, rtol=1e-10)
    for method in METHODS:
        assert_same_calibrator(first[method], in_memory[method])
    np.testing.assert_allclose(first["two"].value, in_parts.value, rtol=1e-10)  # AUC too
    assert "dropped" in in_parts.notes[0]
    assert first["two"].notes[0] == in_parts.notes[0] == in_memory["two"].notes[0]
    for other in every[1:]:
        assert_same_bits(other, first)


def assert_same_calibrator(found, expected):
    for one, other in zip(found[0], expected[0], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-10)
    assert found[1] == expected[1]
    assert found[2] == pytest.approx(expected[2], rel=1e-12)


def assert_same_bits(other, first):
    for name in ("two", "three"):
        for part in ("value", "low", "high"):
            np.testing.assert_array_equal(getattr(other[name], part), getattr(first[name], part))
        np.testing.assert_array_equal(other[f"{name} calibration"].estimate, first[f"{name} calibration"].estimate)
        assert other[name].notes == first[name].notes
    for method in METHODS:
        for one, another in zip(other[method][0], first[method][0], strict=True):
            np.testing.assert_array_equal(one, another)


def own_rows(rank):
    """What a fit over two ranks says of its own rows, and what it refuses to say."""
    import torch

    torch.set_num_threads(2)  # sums of two threads would come out of order
    rows = table().slice(1700 * rank, 1700 + 600 * rank)
    fit = fit_here(rows, "y", **OWN, features=["a", "b", "town"])
    firth = fit_here(rows, "y", features=["a", "town"], penalty=Jeffreys())
    out = bare({**of_fit(fit), **{f"firth {name}": value for name, value in of_firth(firth).items()}})
    refused = {name: told(ask, fit) for name, ask in REFUSED.items()}
    return out, refused, told(lambda: fit_here(split(rows), "y").limits())


def told(ask, *args):
    """The error that is raised."""
    try:
        return ask(*args)
    except torchlogit.TorchlogitError as error:
        return error


def of_fit(fit):
    out = {"evaluate": fit.evaluate(**FEW), "calibration": fit.calibration(), "platt": torchlogit.calibrate(fit)}
    out |= {kind: fit.robust(kind).std_error.numpy() for kind in ("HC0", "HC1", "HC2", "HC3")}
    out |= {kind: fit.tests(kind).statistic for kind in ("lr", "score", "wald")}
    out["quality"] = np.array(fit.quality()[:4])
    out["profile"] = np.array([getattr(fit.profile(terms=["a", "b"]), name) for name in ("low", "high", "statistic")])
    out["collinearity"] = fit.collinearity().gvif
    out["interval"] = fit.predict_interval(table().slice(0, 3), offset=np.zeros(3)).low
    out["checks"] = [finding.ok for finding in fit.check().findings if finding.name in ("optimum", "linearity")]
    return out


def of_firth(fit):
    found = fit.profile()
    return {"lr": fit.tests("lr").statistic, "low": found.low, "high": found.high, "p": found.p}


REFUSED = {
    "residuals": lambda fit: fit.residuals(),
    "influence": lambda fit: fit.influence(),
    "dfbeta": lambda fit: fit.dfbeta(),
    "score bootstrap": lambda fit: fit.robust("score bootstrap"),
    "bootstrap": lambda fit: fit.robust("bootstrap", n_resamples=20),
    "groups": lambda fit: fit.evaluate(by="town"),
    "folds": lambda fit: fit.calibration(folds=5),
    "band": lambda fit: fit.band(max_error=0.1),
    "moved": lambda fit: fit.with_prevalence(0.1).evaluate(),
}


def split(rows):
    """The same rows, whose classes a number splits."""
    return pa.table({"a": rows["a"], "b": rows["b"], "y": pa.array((rows["a"].to_numpy() > 0).astype(int))})


@pytest.mark.filterwarnings("ignore:calibrated on the rows")
def test_a_fit_over_ranks_answers_for_all_its_rows_or_not_at_all():
    found = spread(2, own_rows)
    rows = table()
    firth = torchlogit.fit(rows, "y", features=["a", "town"], penalty=Jeffreys())
    whole = torchlogit.fit(rows, "y", **OWN, features=["a", "b", "town"])
    expected = bare({**of_fit(whole), **{f"firth {name}": value for name, value in of_firth(firth).items()}})
    for each in found:
        assert not isinstance(each, Exception), each
        out, refused, limits = each
        assert out["evaluate"].seen
        assert_same(out["evaluate"], expected["evaluate"])
        np.testing.assert_array_equal(out["evaluate"].value, found[0][0]["evaluate"].value)
        assert_same_calibration(out["calibration"], expected["calibration"])
        np.testing.assert_allclose(out["platt"][0].scale, expected["platt"][0].scale, rtol=1e-8)
        assert out["checks"] == expected["checks"]
        for name in expected.keys() - {"evaluate", "calibration", "platt", "checks"}:
            np.testing.assert_allclose(out[name], expected[name], rtol=1e-7, err_msg=name)
        for name, error in refused.items():
            assert isinstance(error, ParameterError), (name, error)
        assert isinstance(limits, ParameterError), limits
        assert "spread over ranks" in str(limits)


def faults(rank, fit):
    """What is wrong on one rank, one after the other."""
    rows = numbers(1000, seed=3 + rank)
    bad = rows.set_column(0, "x1", pa.array(np.where(np.arange(1000) == 400, np.nan, rows["x1"].to_numpy())))
    other = torchlogit.fit(numbers(600, seed=rank), "y")
    labels = rows["y"].to_numpy()

    def lost():
        yield rows.slice(0, 600)
        if rank == 1:
            raise KeyError("batch 2 is lost")
        yield rows.slice(600)

    asked = {
        "cell": lambda: fit.evaluate(bad if rank else rows, **here()),
        "error": lambda: fit.calibration(lost, **here()),
        "threshold": lambda: fit.evaluate(rows, threshold=0.4 + 0.1 * rank, **here()),
        "model": lambda: other.evaluate(rows, **here()),
        "missing": lambda: torchlogit.calibrate(fit, rows, missing=["error", "drop"][rank], **here()),
        "column": lambda: fit.evaluate(rows.drop_columns(["x2"]), **here()),
        "labels": lambda: fit.evaluate(rows, target=labels, **here()),
        "twice": lambda: fit.reliability(numbers(1000), **here()),
        "none": lambda: torchlogit.calibrate(fit, rows.slice(0, 0), **here()),
        "groups": lambda: fit.evaluate(rows, by="x1", **here()),
        "no data": lambda: fit.evaluate(**here()),
    }
    return {name: told(ask) for name, ask in asked.items()}


ERRORS = {
    "cell": (DataError, "rank 1 .*column `x1` has no value .* in row 401"),
    "error": (DistributedError, "rank 1 .*KeyError: 'batch 2 is lost'"),
    "threshold": (DistributedError, "different options"),
    "model": (ParameterError, "different things: the model's coefficients is"),
    "missing": (ParameterError, "different things: missing is .*error.* and .*drop"),
    "column": (DataError, "`x2` is missing from the table"),
    "labels": (ParameterError, "target must be a column's name"),
    "twice": (DataError, r"rank 0 .* and rank 1 .* have the same 1000 rows"),
    "none": (DataError, "no row is left"),
    "groups": (ParameterError, "need all rows in memory"),
    "no data": (ParameterError, "none are given"),
}


def test_an_error_on_one_rank_is_told_by_all():
    for found in spread(2, faults, torchlogit.fit(numbers(), "y")):
        assert not isinstance(found, Exception), found
        for name, (kind, words) in ERRORS.items():
            assert isinstance(found[name], kind), (name, found[name])
            with pytest.raises(kind, match=words):
                raise found[name]


def commands(rank, ports, *calls):
    """Commands one after the other, each as one of two processes that torchrun would have started: codes, stdout, stderr."""
    import torch.distributed as dist

    from torchlogit.cli import main

    dist.destroy_process_group()
    os.environ.update(RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1")
    out = []
    for port, words in zip(ports, calls, strict=True):
        os.environ["MASTER_PORT"] = str(port)
        with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(io.StringIO()) as err:
            code = main(list(map(str, words)))
        out.append((code, said.getvalue(), err.getvalue()))
    return out


def free_ports(count):
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def test_the_commands(tmp_path):
    data = write(tmp_path / "data", numbers(2000, seed=5))
    fit = torchlogit.fit(numbers(600), "y")
    model, better, written = tmp_path / "m.safetensors", tmp_path / "better.safetensors", tmp_path / "found.json"
    fit.save(model)
    calls = [
        ["evaluate", model, data, "-o", written],
        ["calibrate", model, data, "--json", "-o", better],
        ["fit", data, "--target", "y", "--profile", "--json"],
        ["evaluate", model, data, "--by", "x1"],
    ]
    first, second = spread(2, commands, free_ports(len(calls)), *calls)
    assert [code for code, _, _ in first] == [code for code, _, _ in second] == [0, 0, 0, 2]
    assert [out for _, out, _ in second] == [""] * len(calls)  # the first rank speaks for all
    found, calibrated, fitted = (json.loads(text) for text in (written.read_text(), first[1][1], first[2][1]))
    place = found["measure"].index("log_loss")
    assert found["value"][place] == pytest.approx(fit.evaluate(data, **FEW)["log_loss"].value, rel=1e-10)
    place = calibrated["measure"].index("slope")
    assert calibrated["estimate"][place] == pytest.approx(fit.calibration(data)["slope"], rel=1e-10)
    assert first[1][2].count("model written to") == 1
    assert second[1][2] == ""
    assert torchlogit.load(better).calibrated_on == 2000
    low = torchlogit.fit(data, "y").table(interval="profile").low
    np.testing.assert_allclose([row["low"] for row in fitted["terms"]], np.ravel(low), rtol=1e-7)
