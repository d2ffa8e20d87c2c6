"""What the tests of the command share beside their fixtures."""

from torchlogit import datasets

STUDENTS = datasets.path("study_hours")
PEOPLE = "age,region,n,y,group\n" + "".join(
    f"{20 + (7 * i) % 41},{'nsw'[i % 3]},{1 + i % 2},{'yes' if (3 * i + (7 * i) % 41) % 17 > 7 else 'no'},{i % 12}\n"
    for i in range(120)
)


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path
