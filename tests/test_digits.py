"""What the lesson says of digits, held against real ones."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from torchlogit import datasets
from torchlogit.cli import digits as lesson
from torchlogit.errors import FileError, ParameterError
from torchlogit.plots import digit

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the MNIST files are not beside this checkout")
N, TESTS = 2500, 500


def idx(array):
    """The bytes of an IDX file of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The first digits of both parts of MNIST, as files."""
    folder = tmp_path_factory.mktemp("mnist")
    for part, train, n in (("train", True, N), ("t10k", False, TESTS)):
        images, labels = datasets.mnist(SHARED, train)
        (folder / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images[:n].reshape(n, 28, 28)), 1))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(labels[:n]))
    return folder


@pytest.fixture(scope="module")
def some(root):
    return lesson.read(str(root), download=False)


@pytest.fixture(scope="module")
def few(some):
    return lesson.softmax(some, 1000)


def test_L03_renaming_changes_the_linear_unit_and_not_softmax(some, few):
    found = lesson.renamed(some, few)
    assert (found.linear[0] == found.linear[1]).mean() < 0.3
    np.testing.assert_array_equal(*found.softmax)
    assert found.change < 1e-5
    assert (found.softmax[0] == some.test_labels).mean() > 0.75
    assert (found.linear[0] == some.test_labels).mean() < 0.4


def test_L03_names_that_are_the_same_change_nothing(some, few):
    found = lesson.renamed(some, few, np.arange(10))
    np.testing.assert_array_equal(*found.linear)
    assert found.change == 0


def test_L03_a_number_means_the_digit_whose_name_is_nearest():
    names = lesson.RENAMED
    assert lesson.nearest(names + 0.4, names).tolist() == [*range(10)]
    assert lesson.nearest(np.array([-7.0, 99.0]), names).tolist() == [2, 3]  # called 0 and 9


def test_L03_the_linear_unit_is_least_squares(some):
    """Its gradient vanishes; reversing the names (9 − name) is the one renaming that it bears, for that keeps the order."""
    reverse = np.arange(9, -1, -1)
    forth, back = lesson.linear(some, 1000, np.arange(10)), lesson.linear(some, 1000, reverse)
    np.testing.assert_allclose(back, 9 - forth, atol=1e-8)
    train = some._replace(test_images=some.images[:1000])
    residual = lesson.linear(train, 1000, np.arange(10)) - some.labels[:1000]
    assert abs(residual.mean()) < 1e-9


def test_L03_softmax_learns_that_7_is_like_9_and_not_like_8(some, few):
    shown, alike = lesson.similarity(some, few, 7)
    assert shown.sum() == pytest.approx(1)
    assert alike[7] == pytest.approx(1)
    assert shown[9] > 3 * shown[8]
    assert np.argsort(shown)[-2] == 9
    assert alike[9] > 0.1 > -0.1 > alike[8]


def test_L04_ten_probabilities_add_up_to_1_and_the_largest_wins(some, few):
    p = lesson.probabilities(few, some.test_images)
    assert p.shape == (TESTS, 10)
    assert (p > 0).all()
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-12)
    np.testing.assert_array_equal(few.predict(some.test_images), p.argmax(1))


def test_L04_one_digit_is_drawn_beside_its_probabilities(some, few, tmp_path, capsys):
    lesson.show_one(some, few, str(tmp_path / "one.png"))
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    told = capsys.readouterr().out
    assert "They add up to 1.000000; the largest wins: 9. The digit is 9." in told
    row = next(line for line in told.splitlines() if line.startswith("probability"))
    assert sum(map(float, row.split()[1:])) == pytest.approx(1, abs=0.01)


def test_L05_two_classes_are_two_columns_of_one_number(some):
    model = lesson.binary(some, (7, 9))
    assert model.classes_.tolist() == [7, 9]
    p = model.predict_proba(some.test_images)
    assert p.shape == (TESTS, 2)
    np.testing.assert_allclose(p[:, 0], 1 - p[:, 1], atol=2e-7)  # pixels are float32
    eta = model.decision_function(some.test_images)
    np.testing.assert_allclose(p[:, 1], 1 / (1 + np.exp(-eta)), rtol=1e-5)
    np.testing.assert_array_equal(model.predict(some.test_images), np.where(p[:, 1] > 0.5, 9, 7))
    own = np.isin(some.test_labels, (7, 9))
    assert (model.predict(some.test_images) == some.test_labels)[own].mean() > 0.9


def test_L20_training_nears_the_certified_optimum(some):
    epochs = [*lesson.training(some, (0, 1, 4, 12))]
    best = lesson.softmax(some, N)
    assert [epoch.number for epoch in epochs] == [0, 1, 4, 12]
    assert epochs[0].loss == pytest.approx(N * np.log(10))
    assert not epochs[0].theta.any()
    losses = [epoch.loss for epoch in epochs]
    assert losses == sorted(losses, reverse=True)
    assert best.certified
    assert best.value < losses[-1] < 1.05 * best.value
    weights = [epoch.theta[1:].flatten() for epoch in epochs[1:]]
    near = [torch.corrcoef(torch.stack([w, best.theta[1:].flatten()]))[0, 1].item() for w in weights]
    assert near == sorted(near)
    assert near[-1] > 0.97


def test_L20_training_is_the_hand_written_loop(some):
    """One epoch, step for step in PyTorch, over the same batches."""
    first = next(lesson.training(some, (1,)))
    x, y = torch.from_numpy(some.images), torch.from_numpy(some.labels)
    order = torch.randperm(N, generator=torch.Generator().manual_seed(0))
    theta = torch.zeros(785, 10, requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=lesson.RATE)
    for rows in order.split(lesson.BATCH):
        penalty = lesson.STRENGTH / 2 * theta[1:].square().sum() / N
        loss = torch.nn.functional.cross_entropy(x[rows] @ theta[1:] + theta[0], y[rows]) + penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(first.theta.float(), theta.detach(), atol=1e-5, rtol=1e-4)


def test_L20_the_whole_of_it_in_one_command(root, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(lesson, "FEW", 500)
    monkeypatch.setattr(lesson, "EPOCHS", (0, 1, 3))
    lesson.run(str(root), False, str(tmp_path / "digits.png"), False)
    told = capsys.readouterr().out
    assert sorted(file.name for file in tmp_path.iterdir()) == ["digits-weights.png", "digits.png"]
    shown = [line.split()[-2] for line in told.splitlines() if line.startswith(("epoch  ", "optimum "))]
    assert len(shown) == 4
    assert float(shown[-1]) > 80
    assert max(map(len, told.replace(str(tmp_path), "").splitlines())) <= 82


def test_pictures_of_somebody_else_are_not_replaced_and_our_own_are(root, tmp_path, monkeypatch):
    """Asked before anything is read: ``read`` stands for the hours that would be lost."""
    monkeypatch.setattr(lesson, "read", lambda *_: pytest.fail("it went on"))
    one, weights = tmp_path / "digits.png", tmp_path / "digits-weights.png"
    for theirs in (one, weights):
        theirs.write_bytes(b"a photograph")
        with pytest.raises(FileError, match=rf"{theirs.name}.* exists already"):
            lesson.run(str(root), False, str(one), False)
        theirs.unlink()
    digit(np.zeros(784), np.full(10, 0.1)).save(one)
    with pytest.raises(pytest.fail.Exception, match="it went on"):
        lesson.run(str(root), False, str(one), False)
    for name in ("digits.gif", ".", ""):
        with pytest.raises(ParameterError, match=r"should end in \.png"):
            lesson.run(str(root), False, name, True)
