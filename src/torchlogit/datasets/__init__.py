"""Data to learn on: two tables that ship with the package, and MNIST and CIFAR-10 from files or from the network.

A table comes back as a plain dict of NumPy columns, which is a data frame for the rest of the package; pictures come
back as a matrix of pixels, a picture a row, and the labels beside it.
"""

from torchlogit.datasets.cifar10 import CIFAR10_CLASSES, cifar10
from torchlogit.datasets.mnist import mnist
from torchlogit.datasets.tables import lesson, path, study_hours

__all__ = ["CIFAR10_CLASSES", "cifar10", "lesson", "mnist", "path", "study_hours"]
