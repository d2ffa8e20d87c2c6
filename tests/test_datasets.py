import csv
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from torchlogit import datasets
from torchlogit.errors import DataError, FileError, ParameterError

MNIST = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
has_mnist = pytest.mark.skipif(not MNIST.is_dir(), reason="the MNIST files are not beside this checkout")
IMAGES, LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(array):
    """The bytes of an IDX file of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def digits(tmp_path):
    """A folder with five random pictures and the labels 9, 0, 4, 4, 1."""
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28))
    (tmp_path / IMAGES).write_bytes(idx(images))
    (tmp_path / LABELS).write_bytes(idx(np.array([9, 0, 4, 4, 1])))
    return tmp_path


def test_lesson_is_the_three_points():
    table = datasets.lesson()
    assert [*zip(*table.values(), strict=True)] == [(1, 0), (2, 0), (3, 1)]


def test_study_hours_has_the_published_fit():
    """Newton's method from zero, in plain NumPy, arrives at the published estimates and standard errors."""
    table = datasets.study_hours()
    x, y, theta = np.column_stack([np.ones(20), table["hours"]]), table["passed"], np.zeros(2)
    for _ in range(20):
        p = 1 / (1 + np.exp(-x @ theta))
        information = x.T @ (x * (p * (1 - p))[:, None])
        theta += np.linalg.solve(information, x.T @ (y - p))
    np.testing.assert_allclose(theta, [-4.0777, 1.5046], atol=5e-5)
    np.testing.assert_allclose(np.sqrt(np.diag(np.linalg.inv(information))), [1.7610, 0.6287], atol=5e-5)


def test_a_table_is_the_callers_own():
    datasets.lesson()["hours"][:] = 0
    assert datasets.lesson()["hours"][0] == 1


@pytest.mark.parametrize("name", ["lesson", "study_hours"])
def test_path_is_the_csv_file_of_the_same_table(name):
    with datasets.path(name).open(newline="") as file:
        rows = [*csv.DictReader(file)]
    table = getattr(datasets, name)()
    assert {key: [float(row[key]) for row in rows] for key in rows[0]} == {k: v.tolist() for k, v in table.items()}


def test_path_of_an_unknown_name_lists_the_known():
    with pytest.raises(ParameterError, match=r"'iris'; there are: lesson, study_hours"):
        datasets.path("iris")


@has_mnist
@pytest.mark.parametrize(
    ("train", "counts", "first"),
    [
        (True, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949], 5),
        (False, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009], 7),
    ],
)
def test_L01_mnist_is_mnist(train, counts, first):
    images, labels = datasets.mnist(MNIST, train)
    assert images.shape == (sum(counts), 784)
    assert images.dtype == labels.dtype == np.uint8
    assert np.bincount(labels).tolist() == counts
    assert labels[0] == first
    assert images.max() == 255
    assert not images[:, 0].any()


def test_L01_mnist_pixels_go_row_by_row(digits):
    images, labels = datasets.mnist(digits, train=False)
    np.testing.assert_array_equal(images.reshape(5, 28, 28), np.random.default_rng(0).integers(0, 256, (5, 28, 28)))
    assert labels.tolist() == [9, 0, 4, 4, 1]
    images[0] = 0  # the caller's own, writable: torch.from_numpy warns of any other


@pytest.mark.parametrize("folder", [".", "MNIST/raw"])
@pytest.mark.parametrize("packed", [False, True])
def test_L01_mnist_finds_torchvisions_files(digits, tmp_path_factory, folder, packed):
    root = tmp_path_factory.mktemp("{root}") / folder
    root.mkdir(parents=True, exist_ok=True)
    for name in (IMAGES, LABELS):
        content = (digits / name).read_bytes()
        (root / f"{name}{'.gz' * packed}").write_bytes(gzip.compress(content) if packed else content)
    assert len(datasets.mnist(root.parents[1] if "raw" in folder else root, train=False)[0]) == 5


def test_L01_mnist_missing_files_are_named(digits):
    (digits / LABELS).unlink()
    with pytest.raises(FileError, match=r"put t10k-labels-idx1-ubyte\.gz there or in .*raw"):
        datasets.mnist(digits, train=False)
    with pytest.raises(FileError, match=r"put train-images-idx3-ubyte\.gz and train-labels-idx1-ubyte\.gz there"):
        datasets.mnist(digits)


def cut(content):
    return content[:-1]


def longer(content):
    return content + b"\0"


def html(content):
    return b"<html>403 Forbidden</html>"


def signed(content):
    return content[:2] + b"\x09" + content[3:]


@pytest.mark.parametrize("name", [IMAGES, LABELS])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "bytes for its 5 items"),
        (longer, "bytes for its 5 items"),
        (html, "starts with b'<htm'"),
        (signed, "no IDX file"),
        (lambda content: b"", "starts with b''"),
        (lambda content: content[:6], "no IDX file"),
        (lambda content: gzip.compress(content)[:-9], "cannot be read"),
        (lambda content: gzip.compress(content)[:10] + b"\xff" * 40, "cannot be read"),
        (lambda content: content[:4] + b"\xff" * 4 + content[8:], "4294967295 items"),
    ],
)
def test_L01_a_damaged_mnist_file_is_named(digits, name, damage, message):
    (digits / name).write_bytes(damage((digits / name).read_bytes()))
    with pytest.raises(FileError, match=message) as caught:
        datasets.mnist(digits, train=False)
    assert str(digits / name) in str(caught.value)


def test_L01_mnist_of_another_picture_size_is_refused(digits):
    (digits / IMAGES).write_bytes(idx(np.zeros((5, 32, 32))))
    with pytest.raises(FileError, match=r"items of shape \(32, 32\), not \(28, 28\)"):
        datasets.mnist(digits, train=False)


def test_L01_mnist_images_and_labels_must_belong_together(digits):
    (digits / LABELS).write_bytes(idx(np.zeros(4)))
    with pytest.raises(DataError, match=r"5 images but .* has 4 labels"):
        datasets.mnist(digits, train=False)


def test_L01_mnist_labels_that_are_no_digit_are_counted_and_named(digits):
    (digits / LABELS).write_bytes(idx(np.array([1, 10, 2, 3, 255])))
    with pytest.raises(DataError, match=r"2 labels that are no digit \(label 2 is 10, label 5 is 255\)"):
        datasets.mnist(digits, train=False)
