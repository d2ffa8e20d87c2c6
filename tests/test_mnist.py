"""Real digits, all 60 000: the certified optimum of the softmax, against its known value."""

from pathlib import Path

import numpy as np
import pytest
import torch

from torchlogit import L2, datasets, fit

ROOT = Path(__file__).resolve().parents[2] / "shared" / "data" / "mnist"
OPTIMUM = 21_850.733  # Σ log-loss + ‖W‖² / (2C) at C = 0.01 on pixels / 255


@pytest.mark.slow
@pytest.mark.skipif(not ROOT.exists(), reason="the shared MNIST files are not beside this checkout")
def test_mnist_at_its_optimum():
    images, labels = datasets.mnist(ROOT)
    x = torch.from_numpy(images).float() / 255
    result = fit(x, labels, penalty=L2(100.0), dtype="float32", tol=1e-7)
    assert result.certified
    assert result.certificate.relative_distance <= 1e-7
    assert result.value == pytest.approx(OPTIMUM, rel=3e-7)
    test_images, test_labels = datasets.mnist(ROOT, train=False)
    probabilities = result.predict_proba(torch.from_numpy(test_images).float() / 255)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(10_000, dtype=torch.float64))
    predicted = result.predict(torch.from_numpy(test_images).float() / 255)
    accuracy = float((predicted == test_labels).mean())
    assert round(accuracy, 2) == 0.92
    assert predicted.dtype == np.uint8
