"""A fit that was ended goes on, and ends in the same bits; what can go wrong with a checkpoint, by its number."""

import os
import signal
import time

import numpy as np
import pytest
import torch
from forked import Python
from streams import MEMORY, fit, numbers, table, write

import torchlogit
from torchlogit import L1, L2
from torchlogit.checkpoint import Journal
from torchlogit.errors import DataWarning, FileError, ParameterError


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "data", table())


class Stopped(Exception):
    """The end of a run."""


class StopAt:
    """Ends a run in the middle of a pass."""

    def __init__(self, number):
        self.number = number

    def __call__(self, record): ...

    def reading(self, found):
        if found.number == self.number and found.rows > 1000:
            raise Stopped


def passes(checkpoint):
    return sorted(checkpoint.glob("pass-*.safetensors"))


@pytest.mark.parametrize(
    "settings",
    [
        {"solver": "newton"},
        {"solver": "lbfgs"},
        {"penalty": L1(10.0)},
        {"penalty": L2(1.0), "weight": "w", "offset": "o"},
        {"features": ["a", "b"]},
    ],
    ids=["newton", "lbfgs", "L1", "weights", "numbers"],
)
def test_210_the_same_bits_wherever_it_was_ended(folder, tmp_path, settings):
    whole = fit(folder, **settings)
    total = whole.stream.passes.number
    newton = settings == {"solver": "newton"}
    for stop in (1, 3, total) if newton else (2, total):
        checkpoint = tmp_path / f"checkpoint-{stop}"
        with pytest.raises(Stopped):
            fit(folder, checkpoint=checkpoint, watch=StopAt(stop), **settings)
        kept = len(passes(checkpoint))
        again = fit(folder, checkpoint=checkpoint, **settings)
        assert torch.equal(again.theta, whole.theta), stop
        assert again.log_likelihood == whole.log_likelihood
        if whole.covariance_root is not None:
            assert torch.equal(again.covariance_root, whole.covariance_root)
        assert again.stream.passes.number <= total - kept + 1
    assert again.stream.journal.resumed
    assert again.warnings == whole.warnings


def test_a_finished_fit_reads_nothing_again(folder, tmp_path):
    once = fit(folder, checkpoint=tmp_path / "c")
    again = fit(folder, checkpoint=tmp_path / "c", tol=1e-12)
    assert again.stream.passes.number == 0
    np.testing.assert_allclose(again.theta, once.theta, rtol=1e-6)


KILLED = """
import os, signal, sys, torchlogit

class Killed:
    def __call__(self, record): ...

    def reading(self, found):
        if found.number == 4 and found.rows > 1000:
            os.kill(os.getpid(), signal.SIGKILL)

torchlogit.fit(sys.argv[1], "y", memory=sys.argv[2], checkpoint=sys.argv[3], watch=Killed())
"""


def test_210_killed_in_the_middle_of_a_pass(folder, tmp_path):
    checkpoint, whole = tmp_path / "killed", fit(folder)
    assert Python("-c", KILLED, folder, MEMORY, checkpoint).ended()[0] == -signal.SIGKILL
    assert len(passes(checkpoint)) == 3
    again = fit(folder, checkpoint=checkpoint)
    assert torch.equal(again.theta, whole.theta)
    assert again.stream.passes.number <= whole.stream.passes.number - 2
    assert not list(checkpoint.glob(".torchlogit-*"))


def ended(folder, checkpoint, at=5, **settings):
    with pytest.raises(Stopped):
        fit(folder, checkpoint=checkpoint, watch=StopAt(at), **settings)


def test_211_another_fit_is_refused(folder, tmp_path):
    ended(folder, tmp_path / "c")
    for settings, told in (
        ({"penalty": L2(1.0)}, "penalty: null there, "),
        ({"features": ["a"]}, 'features: null there, \\["a"\\] now'),
        ({"solver": "newton"}, 'solver: "auto" there, "newton" now'),
    ):
        with pytest.raises(ParameterError, match=f"is of another fit.*{told}"):
            fit(folder, checkpoint=tmp_path / "c", **settings)
    os.utime(folder / "part-0.parquet", ns=(1, 1))
    with pytest.raises(ParameterError, match=r"is of another fit \(data: .*give another folder"):
        fit(folder, checkpoint=tmp_path / "c")
    (tmp_path / "c" / "fit.json").write_text("{")
    with pytest.raises(FileError, match="is damaged; begin anew"):
        fit(folder, checkpoint=tmp_path / "c")


@pytest.mark.parametrize(("which", "how"), [(0, "flip"), (1, "cut"), (-1, "empty")])
def test_212_a_damaged_pass_is_made_again(folder, tmp_path, which, how):
    whole = fit(folder)
    ended(folder, tmp_path / "c")
    path = passes(tmp_path / "c")[which]
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes({"flip": bytes(data), "cut": bytes(data[:-30]), "empty": b""}[how])
    with pytest.warns(DataWarning, match=rf"checkpoint .*{path.name}.*this pass is made again"):
        again = fit(folder, checkpoint=tmp_path / "c")
    assert torch.equal(again.theta, whole.theta)


def test_212_damage_to_what_was_learnt(folder, tmp_path):
    ended(folder, tmp_path / "c")
    path = tmp_path / "c" / "learnt.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(DataWarning, match="learnt"):
        assert torch.equal(fit(folder, checkpoint=tmp_path / "c").theta, fit(folder).theta)


def test_213_a_full_disk_does_not_end_a_fit(folder, tmp_path, monkeypatch):
    from torchlogit import checkpoint as home

    save, calls = home.store.save, []

    def full(*given):
        calls.append(given)
        if len(calls) > 3:
            raise FileError("cannot write: No space left on device")
        save(*given)

    monkeypatch.setattr(home.store, "save", full)
    with pytest.warns(DataWarning, match="goes on without its checkpoint: .*No space left"):
        found = fit(folder, checkpoint=tmp_path / "c")
    assert len(calls) == 4
    assert torch.equal(found.theta, fit(folder).theta)
    monkeypatch.undo()
    assert torch.equal(fit(folder, checkpoint=tmp_path / "c").theta, found.theta)


def test_213_a_folder_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileError, match="cannot be made"):
        fit(folder, checkpoint=tmp_path / "file")


def test_214_two_runs_in_one_folder(folder, tmp_path):
    class Second(StopAt):
        def reading(self, found):
            with pytest.raises(FileError, match=rf"is in use by process {os.getpid()}; give each fit its own folder"):
                fit(folder, checkpoint=tmp_path / "c")
            super().reading(found)

    with pytest.raises(Stopped):
        fit(folder, checkpoint=tmp_path / "c", watch=Second(1))
    fit(folder, checkpoint=tmp_path / "c")  # the lock went with the first


def test_an_answer_to_another_question_is_not_taken(tmp_path):
    one, two = torch.tensor([1.0]), torch.tensor([2.0])
    first = Journal(tmp_path)
    first.total((one,), lambda: (one, two.reshape(1, 1)))
    again, other = Journal(tmp_path), Journal(tmp_path)
    value, matrix = again.total((one,), lambda: (two,))
    assert (value.tolist(), matrix.tolist(), again.resumed) == ([1.0], [[2.0]], 1)
    assert other.total((two,), lambda: (two,))[0].tolist() == [2.0]
    assert other.resumed == 0


def test_rows_in_memory_have_no_checkpoint(tmp_path):
    with pytest.raises(ParameterError, match="these are in memory"):
        torchlogit.fit(table(), "y", checkpoint=tmp_path / "c")


# The command


def test_the_command_reads_folders_and_globs(run, tmp_path):
    write(tmp_path / "data", table(gaps=True))
    expected = torchlogit.fit(table(gaps=True), "y", missing="drop")
    for data in (tmp_path / "data", tmp_path / "**" / "*.parquet"):
        for more in ([], ["--memory", MEMORY]):
            done = run("fit", data, "--target", "y", "-o", tmp_path / "m.safetensors", "--force", *more)
            assert done.code == 0, done.err
            assert "dropped" in done.err
            found = torchlogit.load(tmp_path / "m.safetensors")
            np.testing.assert_allclose(found.theta, expected.theta, rtol=1e-8, atol=1e-12)
            assert done.out.startswith("Logistic regression of `y`")
    formula = run("fit", tmp_path / "data", "--formula", "y ~ a * town", "--memory", MEMORY, "--json")
    assert formula.code == 0
    assert '"a:town[T.Jena]"' in formula.out


def test_the_command_tells_what_is_wrong(run, tmp_path):
    write(tmp_path / "data", table())
    folder = tmp_path / "data"
    assert run("fit", folder, "--target", "z").code == 3
    assert run("fit", tmp_path / "none", "--target", "y").code == 5
    assert run("fit", folder, "--target", "y", "--memory", "much").code == 2
    assert run("fit", folder, "--target", "y", "--memory", MEMORY, "--plot", tmp_path / "p.png").code == 2
    assert run("fit", folder, "--target", "y", "--checkpoint", folder / "part-0.parquet").code == 5
    (folder / "part-1.parquet").write_bytes(b"")
    done = run("fit", folder, "--target", "y")
    assert done.code == 5
    assert "part-1.parquet" in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_the_command_goes_on(run, tmp_path):
    folder, checkpoint = write(tmp_path / "data", table()), tmp_path / "c"
    first = run("fit", folder, "--target", "y", "--checkpoint", checkpoint, "--memory", MEMORY)
    again = run("fit", folder, "--target", "y", "--checkpoint", checkpoint, "--memory", MEMORY)
    assert first.code == again.code == 0
    assert first.out == again.out
    assert "went on after" in again.err
    other = run("fit", folder, "--target", "y", "--C", "1", "--checkpoint", checkpoint)
    assert other.code == 2
    assert "is of another fit" in other.err


def test_208_ctrl_c_ends_with_130_and_keeps_the_checkpoint(tmp_path):
    folder, checkpoint = write(tmp_path / "data", numbers(60_000)), tmp_path / "c"
    words = ["fit", folder, "--target", "y", "--memory", "2MiB", "--checkpoint", checkpoint]
    process = Python("-m", "torchlogit", *words)
    while len(passes(checkpoint)) < 2 and process.running:
        time.sleep(0.002)
    process.signal(signal.SIGINT)
    code, _, told = process.ended(60)
    assert code == 130
    assert "interrupted" in told
    assert "is kept: the same command goes on" in told
    assert "Traceback" not in told
    assert passes(checkpoint)
