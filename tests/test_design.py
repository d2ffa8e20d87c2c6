"""One linear map, whatever it is made of: dense, sparse, centred, scaled, in a basis, in batches."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from torchlogit.design import Coordinates, Design
from torchlogit.linalg import exact_product, factor
from torchlogit.moments import moments
from torchlogit.sources import MemorySource, accumulate

RNG = np.random.default_rng(0)
X = np.where(RNG.random((60, 6)) < 0.4, RNG.normal(2, 3, (60, 6)), 0)
CENTRE = torch.from_numpy(X.mean(0))
SCALE = torch.tensor([0.5, 1.0, 2.0, 4.0, 1.0, 2.0], dtype=torch.float64)
BASIS = torch.from_numpy(np.triu(RNG.normal(size=(6, 6)))[:, :5])
SHIFT = torch.from_numpy(RNG.normal(size=5))
COORDINATES = {
    "none": None,
    "folded": Coordinates(CENTRE, SCALE),
    "explicit": Coordinates(CENTRE, SCALE, explicit=True),
    "folded basis": Coordinates(CENTRE, SCALE, BASIS, SHIFT),
    "explicit basis": Coordinates(CENTRE, SCALE, BASIS, SHIFT, explicit=True),
}
KINDS = {"dense": torch.from_numpy(X), "sparse": csr_array(X), "column order": torch.from_numpy(np.asfortranarray(X))}


def whole(coordinates, intercept):
    z = torch.from_numpy(X)
    if coordinates is not None:
        z = (z - coordinates.centre) / coordinates.scale
        if coordinates.basis is not None:
            z = z @ coordinates.basis - coordinates.shift
    return torch.cat([torch.ones(60, 1), z], 1) if intercept else z


@pytest.mark.parametrize("batch", [(), (3,), (2, 3)])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("coordinates", COORDINATES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_map_is_the_matrix(kind, coordinates, intercept, k, batch):
    z = whole(COORDINATES[coordinates], intercept)
    design = Design(KINDS[kind], intercept, coordinates=COORDINATES[coordinates])
    assert design.shape == z.shape
    generator = torch.Generator().manual_seed(0)
    theta = torch.randn(*batch, z.shape[1], k, dtype=torch.float64, generator=generator)
    r = torch.randn(*batch, 60, k, dtype=torch.float64, generator=generator)
    h = torch.randn(*batch, 60, k, k, dtype=torch.float64, generator=generator)
    h = h + h.mT
    torch.testing.assert_close(design.matmul(theta), z @ theta)
    torch.testing.assert_close(design.rmatmul(r), z.mT @ r)
    torch.testing.assert_close(design.gram(h), torch.einsum("ni,...nab,nj->...iajb", z, h, z), atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(design.to_dense(), z)


@pytest.mark.parametrize("kind", KINDS)
def test_diagonal_of_scaled_columns(kind):
    coordinates = Coordinates(torch.zeros(6, dtype=torch.float64), SCALE)
    h = torch.rand(60, 2, dtype=torch.float64)
    z = whole(coordinates, True)
    torch.testing.assert_close(Design(KINDS[kind], coordinates=coordinates).diagonal(h), z.square().mT @ h)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("coordinates", ["none", "folded", "explicit"])
def test_chosen_columns(kind, coordinates):
    index = torch.tensor([1, 4])
    source = MemorySource(KINDS[kind], torch.zeros(60)).select(index)
    moved = COORDINATES[coordinates]
    part = Design(source.x, coordinates=None if moved is None else moved.select(index))
    torch.testing.assert_close(part.to_dense(), whole(moved, True)[:, [0, 2, 5]])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.float16, torch.bool, torch.int64])
def test_bad_023_small_types_do_not_wrap(dtype):
    x = torch.tensor([[0, 1], [1, 0], [1, 1]]).to(dtype)
    design = Design(x, coordinates=Coordinates(torch.ones(2), torch.ones(2), explicit=True))
    torch.testing.assert_close(design.to_dense()[:, 1:], x.double() - 1)


def test_theta_goes_there_and_back():
    for name, coordinates in COORDINATES.items():
        if coordinates is None:
            continue
        gamma = torch.randn(coordinates.rank + 1, 2, dtype=torch.float64)
        theta = coordinates.theta(gamma, True)
        z = torch.from_numpy(X) - coordinates.centre
        expected = Design(torch.from_numpy(X), coordinates=coordinates).matmul(gamma)
        torch.testing.assert_close(theta[:1] + z @ theta[1:], expected, msg=name)
        torch.testing.assert_close(coordinates.gamma(theta, True), gamma)


def test_products_that_cancel_keep_their_digits():
    """Terms of 1e12 whose sum is near 1: plain float64 leaves four digits, the doubled product all."""
    from fractions import Fraction

    a = torch.from_numpy(RNG.normal(size=(50, 3)))
    basis = torch.tensor([[1.0, 1e12], [0.0, -1e12], [0.0, 3e11]], dtype=torch.float64)
    a[:, 1] = a[:, 0] + 0.3 * a[:, 2] + 1e-12
    exact = [sum(Fraction(float(x)) * Fraction(float(b)) for x, b in zip(row, basis[:, 1], strict=True)) for row in a]
    exact = torch.tensor([float(value) for value in exact], dtype=torch.float64)
    assert (exact_product(a, basis)[:, 1] - exact).abs().max() < 1e-13
    assert ((a @ basis)[:, 1] - exact).abs().max() > 1e-6


def test_the_callers_array_is_shared_and_untouched():
    x = np.asfortranarray(RNG.normal(5, 1, size=(5000, 8)))
    before, shared = x.copy(), torch.from_numpy(x)
    source = MemorySource(shared, torch.zeros(5000))
    for block in source:
        assert block.design.x.untyped_storage().data_ptr() == shared.untyped_storage().data_ptr()
    moments(source)
    np.testing.assert_array_equal(x, before)


def test_no_copy_of_the_table_is_made():
    """A whole fit of a 160 MB table, also with centring row by row, needs less than a fifth of it beside the table."""
    code = """
import resource, torch
from torchlogit.estimate import estimate
from torchlogit.losses import Logistic
from torchlogit.penalties import NoPenalty
from torchlogit.sources import MemorySource
def run(n):
    x = torch.rand(n, 40, dtype=torch.float64).add_(1e6)
    y = (torch.rand(n) < 0.3).long()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    estimate(MemorySource(x, y), [f"x{j}" for j in range(40)], 1, loss=Logistic(), penalty=NoPenalty())
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / x.nbytes
run(20_000)
print(run(500_000))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.2


def test_moments_of_dense_and_sparse_columns_agree():
    y, w = torch.zeros(60), torch.from_numpy(RNG.random(60))
    for intercept in (True, False):
        dense = moments(MemorySource(torch.from_numpy(X), y, w, intercept=intercept, block_rows=13))
        sparse = moments(MemorySource(csr_array(X), y, w, intercept=intercept, block_rows=7))
        torch.testing.assert_close(dense.coordinates.scale, sparse.coordinates.scale)
        torch.testing.assert_close(dense.coordinates.centre, sparse.coordinates.centre, atol=2e-3, rtol=0)


def test_bad_125_a_small_spread_on_a_large_shift_is_seen():
    """One pass of sums of squares gives a variance of −2 here."""
    x = 1e8 + torch.rand(10_000, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    coordinates = moments(MemorySource(x, torch.zeros(10_000))).coordinates
    assert float(coordinates.scale) == 0.25
    assert abs(float(coordinates.centre) - float(x.mean())) < 1e-3


def test_a_constant_column_is_known_exactly():
    x = torch.full((1000, 2), 0.1, dtype=torch.float64)
    x[7, 1] += 1e-12
    assert moments(MemorySource(x, torch.zeros(1000))).constant.tolist() == [True, False]


def test_bad_124_sums_do_not_depend_on_the_cut():
    """Block sums that cancel to nothing: compensated, the total is exact; added one by one it would be 0 or 250."""
    values = torch.tensor([1e16, 1.0, -1e16, 1.0] * 250, dtype=torch.float64)[:, None]
    source = MemorySource(values, torch.zeros(1000), block_rows=1)
    (total,) = accumulate(source, lambda block: (block.design.x.sum(0),))
    assert float(total) == 500.0


def test_bad_123_a_count_beyond_2_to_the_24_is_exact():
    ones = torch.ones(1, 1, dtype=torch.float32).expand(2**24 + 3, 1)
    (total,) = accumulate(MemorySource(ones, torch.zeros(1).expand(len(ones))), lambda block: (block.weight.sum(),))
    assert float(total) == 2**24 + 3


def test_a_singular_matrix_is_lifted_and_said_to_be():
    singular = torch.ones(2, 1, 2, 1, dtype=torch.float64)
    found = factor(torch.stack([singular, torch.eye(2, dtype=torch.float64)[:, None, :, None]]))
    assert found.damped.tolist() == [True, False]
    assert found.solve(torch.ones(2, 2, 1, dtype=torch.float64)).isfinite().all()


def test_samples_and_batches_stand_for_the_whole():
    source = MemorySource(torch.arange(100.0)[:, None], torch.arange(100), torch.ones(100), torch.arange(100.0))
    sample = source.sample(30, 0)
    assert sample.n_rows == 30
    assert float(sample.weight.sum()) == pytest.approx(100)
    assert source.sample(100, 0) is source
    batches = list(source.batches(32, torch.Generator().manual_seed(0)))
    assert [batch.n_rows for batch in batches] == [32, 32, 32, 4]
    assert sorted(int(v) for batch in batches for v in batch.y) == list(range(100))
    for batch in batches:
        torch.testing.assert_close(batch.offset[:, 0], batch.x[:, 0])
