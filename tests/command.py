"""What the tests of the command share beside their fixtures."""

from torchlogit import datasets

STUDENTS = datasets.path("study_hours")


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path
