"""A piece of the simulation behind docs/calibration-simulated.md, with its seed."""

from make_calibration import PAGE, SIZES, TRUTHS, drawn, regressions


def test_intervals_of_slope_and_intercept_cover_as_theory_says():
    """A thousand samples of 300 rows, as one batch: 95 % within three Monte-Carlo errors."""
    p, _, y = drawn(300, 1000, (0.0, 1.0))
    for share in regressions(p, y, (0.0, 1.0)):
        assert abs(share - 0.95) < 3 * (0.95 * 0.05 / 1000) ** 0.5


def test_the_page_is_the_scripts():
    """Every setting has its line; every coverage is 94 to 96 %; the level of the test is its level."""
    lines = [line.split("|")[1:-1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.count("|") == 7]
    rows = [[cell.strip(" %") for cell in line] for line in lines if line[0].strip().isdigit()]
    assert [(int(n), float(a), float(b)) for n, a, b, *_ in rows] == [(n, *t) for n in SIZES for t in TRUTHS]
    assert all(94 <= float(cell) <= 96 for *_, slope, one, _ in rows for cell in (slope, one) if cell)
    assert all(4.5 <= float(row[-1]) <= 5.5 for row in rows if row[2] == "1.0")
