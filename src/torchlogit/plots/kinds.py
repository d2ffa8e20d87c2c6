"""Every picture of a fit by its name: which table it is of, how that is made from the fit or its rows, and who draws it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Literal

from torchlogit.errors import ParameterError
from torchlogit.plots import of_fit, of_rows
from torchlogit.plots.frame import style_for
from torchlogit.plots.style import Display, Look, Style
from torchlogit.tables.features import level_text
from torchlogit.tables.names import did_you_mean, show, show_list

if TYPE_CHECKING:
    from torchlogit.fitted import Fit
    from torchlogit.metrics.scored import Scored

LOOK = ("ax", "title", "note", *Look.__annotations__)
SHARED = ("label", "folds", "beside", "name")  # options of rows, and of several models


@dataclass(frozen=True)
class Kind:
    """One kind of picture: a ``line`` for a list, ``draw(subject, **options, **look)``.

    The subject is ``of`` the "fit", of its "rows" (`Scored`), or of the rows of several "models", by name. ``rows`` says that
    the fit alone is not enough, ``pairs`` that rows are of two classes, or one class against the others.
    """

    line: str
    draw: Callable[..., Display]
    of: Literal["fit", "rows", "models"] = "models"
    rows: bool = True
    pairs: bool = True

    @property
    def takes(self) -> tuple[str, ...]:
        """The options it takes beside its look."""
        own = [p.name for p in signature(self.draw).parameters.values() if p.kind is Parameter.KEYWORD_ONLY]
        return (*own, *SHARED[: {"fit": 0, "rows": 2, "models": 4}[self.of]])


KINDS: dict[str, Kind] = {
    "curve": Kind("probability over one feature, with its interval", of_fit.curve, "fit"),
    "map": Kind("probability over two features, as a map", of_fit.map_of_two, "fit"),
    "forest": Kind("odds ratios with their intervals", of_fit.odds_ratios, "fit", rows=False),
    "effects": Kind("average effects on the probability", of_fit.average_effects, "fit"),
    "nomogram": Kind("points to add up to a probability, on paper", of_fit.scales, "fit"),
    "path": Kind("coefficients as a lasso penalty weakens", of_fit.path, "fit"),
    "residuals": Kind("mean residuals of groups, with the model's band", of_fit.residuals, "fit"),
    "quantile": Kind("residuals that are normal if the model is right", of_fit.quantiles, "fit"),
    "leverage": Kind("residuals over leverage, with Cook's distance", of_fit.influence, "fit"),
    "weights": Kind("weights of each class as an image, of pixels", of_fit.weights, "fit", rows=False),
    "roc": Kind("sensitivity against false positives, with AUC", of_rows.roc),
    "pr": Kind("precision against recall, with prevalence", of_rows.precision_recall),
    "calibration": Kind(
        "do probabilities come true? groups, curve, histogram", of_rows.calibration, "rows", pairs=False
    ),
    "scores": Kind("histogram of the probabilities of either class", of_rows.scores, "rows"),
    "confusion": Kind("rows of each class by what they are called", of_rows.confusion, "rows", pairs=False),
    "threshold": Kind("sensitivity, specificity, ... over the threshold", of_rows.rates, "rows"),
    "cost": Kind("mean cost over the threshold, with the least", of_rows.cost, "rows"),
    "decision": Kind("net benefit, against treating all or none", of_rows.decision),
    "risk": Kind("errors among the rows decided, by their share", of_rows.risk, pairs=False),
    "gain": Kind("share of the positive class in the most probable rows", of_rows.gain),
    "lift": Kind("the same against rows at random, by groups", of_rows.lift),
}


def picture(fit: Fit, kind: str, data: Any = None, **options: Any) -> Display:
    """A picture of a fit by its ``kind``, one of `KINDS`, with the fit's rows or those of ``data``.

    Options are those of the kind (``KINDS[kind].takes``) and the look: ``ax``, ``title``, ``theme``, ``language``, ``width``. Of
    rows: ``label`` sets one of several classes against the others; ``folds`` scores each of the fit's rows by a fit to the
    other folds; ``beside`` has other fits by name, and ``name`` is that of the first.

    Raises ``ParameterError`` for a kind, an option or a class that there is not, for rows that are needed and not there,
    ``ImportError`` if matplotlib is not installed, and what the table raises.

    >>> from torchlogit import datasets, fit
    >>> picture(fit(datasets.study_hours(), "passed"), "roc").alt
    'ROC curve: AUC 0.895 (95 % interval 0.647 to 0.975); threshold 0.5; chance: AUC 0.5'
    """
    from torchlogit.calibrated import Calibrated

    made = kind_of(kind)
    look = {name: options.pop(name) for name in LOOK if name in options}
    check_options(kind, options)
    if options.get("label") is not None:
        options["label"] = class_of(fit, options["label"])
    if made.rows and data is None and fit.training is None:
        raise ParameterError(
            f"the picture `{kind}` needs rows: this fit was read from a file, which holds none; give data"
        )
    fit = with_rows(fit, data)
    if made.of == "fit":
        if isinstance(fit, Calibrated):
            raise ParameterError(f"the picture `{kind}` is of a fit: ask the one that was calibrated, .fit.plot")
        return made.draw(fit, **options, **look)
    models = _models(made, kind, fit, data, options)
    look = {"note": _note(style_for(look), fit, models, options), **look}
    own = {name: value for name, value in options.items() if name not in SHARED}
    return made.draw(models if made.of == "models" else next(iter(models.values())), **own, **look)


def kind_of(kind: str) -> Kind:
    """The kind of this name; ParameterError, with the nearest, where there is none."""
    if kind not in KINDS:
        near = did_you_mean(kind, list(KINDS)) or f" There are {', '.join(KINDS)}."
        raise ParameterError(f"`{show(kind)}` is no kind of picture.{near}")
    return KINDS[kind]


def check_options(kind: str, given: Mapping[str, Any], spelled: Callable[[str], str] = str) -> None:
    """ParameterError for an option that this kind does not take; options are ``spelled`` as the caller knows them."""
    takes = KINDS[kind].takes
    for name in given:
        if name not in takes:
            known = ", ".join(filter(None, map(spelled, takes))) or "none"
            raise ParameterError(f"the picture `{kind}` takes no {spelled(name)}; its options are {known}")


def with_rows(fit: Fit, data: Any) -> Fit:
    """The fit with ``data`` as its rows, if they are given."""
    from torchlogit.inference.observed import observed

    return fit if data is None else replace(fit, training=observed(fit, data).rows)


def _models(made: Kind, kind: str, fit: Fit, data: Any, options: Mapping[str, Any]) -> dict[str, Scored]:
    """The rows beside the probabilities of each model."""
    beside: Mapping[str, Fit] = options.get("beside") or {}
    fits = {options.get("name") or ("this model" if beside else ""): fit}
    fits |= {name: with_rows(other, data) for name, other in beside.items()}
    return {name: _scored(made, kind, each, options) for name, each in fits.items()}


def _scored(made: Kind, kind: str, fit: Fit, options: Mapping[str, Any]) -> Scored:
    from torchlogit.inference.observed import observed
    from torchlogit.metrics.crossed import cross_scored
    from torchlogit.metrics.scored import scored_rows

    label, folds = options.get("label"), options.get("folds")
    rows = scored_rows(observed(fit)) if folds is None else cross_scored(fit, folds)
    if label is not None:
        return rows.against(label)
    if made.pairs and not rows.binary:
        names = show_list(map(level_text, fit.classes.tolist()), len(fit.classes))
        raise ParameterError(
            f"the picture `{kind}` is for two classes; there are {len(fit.classes)} ({names}): say which one to set against "
            "the others with label= (--label)"
        )
    return rows


def class_of(fit: Fit, label: Any) -> Any:
    """The class that is this label, or is written so; ParameterError where there is none."""
    found = {level_text(each): each for each in fit.classes.tolist()}
    text = label if isinstance(label, str) else level_text(label)
    if text not in found:
        near = did_you_mean(text, list(found)) or f" There are {show_list(found, len(found))}."
        raise ParameterError(f"`{show(text)}` is no class of this model.{near}")
    return found[text]


def _note(style: Style, fit: Fit, models: Mapping[str, Scored], options: Mapping[str, Any]) -> str:
    """Of which rows the picture is, and of which class."""
    from torchlogit.calibration.events import name_of

    rows = next(iter(models.values()))
    n = f"{int((rows.weight > 0).sum()):d}"
    phrase = "{n} rows that the model was fitted to" if any(each.seen for each in models.values()) else "{n} rows"
    said = style.say("{n} rows, each by a fit to the others" if options.get("folds") is not None else phrase, n=n)
    if not rows.binary:
        return said
    target = style.say("{target} = {event}", target=show(str(fit.target), 30), event=show(name_of(rows), 30))
    return style.say("{event}, {rows}", event=target, rows=said)
