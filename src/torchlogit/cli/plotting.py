"""``torchlogit plot``: a model, perhaps with rows, and one picture of them in a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlogit.arguments import LANGUAGES
from torchlogit.cli.answering import Asked, folds_of
from torchlogit.cli.files import check_choice, check_picture
from torchlogit.cli.streams import say
from torchlogit.errors import ParameterError
from torchlogit.tables.names import show

if TYPE_CHECKING:
    from torchlogit.fitted import Fit

SCALARS = ("label", "threshold", "uncertain", "cost_false_yes", "cost_false_no", "bins", "level")
SPELLED = {"features": "--feature", "name": ""}  # the name of a model is that of its file
DOTS = 20, 1200  # an inch


@dataclass(frozen=True)
class Options:
    """The options of the command, as typed."""

    kind: str
    model: str
    data: str | None
    out: str | None
    features: list[str]
    label: str | None
    folds: str | None
    beside: list[str]
    threshold: float | None
    uncertain: tuple[float, float] | None
    cost_false_yes: float | None
    cost_false_no: float | None
    bins: int | None
    level: float | None
    title: str | None
    theme: str
    language: str
    width: str | None
    dpi: float
    delimiter: str | None
    encoding: str
    force: bool

    @property
    def given(self) -> dict[str, Any]:
        """The options of the picture that were said."""
        found = {"features": self.features or None, "beside": self.beside or None, "folds": folds_of(self.folds)}
        found |= {name: getattr(self, name) for name in SCALARS}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def look(self) -> dict[str, Any]:
        """How it looks."""
        found = {"title": self.title, "theme": self.theme, "language": self.language, "width": _wide(self.width)}
        return {name: value for name, value in found.items() if value is not None}

    @property
    def path(self) -> str:
        """Where the picture goes."""
        return self.out or f"{self.kind}.png"

    def fit(self, model: str) -> Fit:
        """A model, with the rows; of a calibrated one for pictures of a fit the fit that was calibrated."""
        from torchlogit.fitted import load
        from torchlogit.plots.kinds import KINDS

        asked = Asked(model=model, data=self.data, delimiter=self.delimiter, encoding=self.encoding)
        if KINDS[self.kind].of == "fit":
            return asked.fit()
        found = load(model)
        return replace(found, training=asked.rows(found))


def run(options: Options) -> None:
    """Check, read, draw, write; what the picture shows is told in a sentence."""
    check(options)
    from torchlogit.plots.kinds import picture

    own = options.given
    if options.beside:
        own["beside"] = {Path(path).stem: options.fit(path) for path in options.beside}
        own["name"] = Path(options.model).stem
    display = picture(options.fit(options.model), options.kind, **own, **options.look)
    display.save(options.path, options.dpi)
    say(f"{show(options.path, 300)} shows {show(display.alt, 2000)}")


def check(options: Options) -> None:
    """Refuse what means nothing before anything is read, and a picture in the place of another file."""
    from torchlogit.plots.kinds import check_options, kind_of
    from torchlogit.plots.style import inches
    from torchlogit.plots.themes import THEMES

    needs = kind_of(options.kind).rows
    check_options(options.kind, options.given, _spelled)
    check_choice(options.theme, tuple(THEMES), "--theme")
    check_choice(options.language, LANGUAGES, "--lang")
    inches(options.look.get("width", "full"))
    if not DOTS[0] <= options.dpi <= DOTS[1]:
        raise ParameterError(f"--dpi must be from {DOTS[0]} to {DOTS[1]}, got {options.dpi:g}")
    if needs and options.data is None:
        raise ParameterError(
            f"the picture `{options.kind}` needs rows: torchlogit plot {options.kind} {show(options.model)} students.csv"
        )
    if options.data == "-" and options.beside:
        raise ParameterError("the rows of --beside are read again, which stdin cannot be: give a file")
    check_picture(options.path, options.force)


def _spelled(name: str) -> str:
    return SPELLED.get(name, "--" + name.replace("_", "-"))


def _wide(text: str | None) -> Any:
    """A width as typed: a name, or inches where it reads as a number."""
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
