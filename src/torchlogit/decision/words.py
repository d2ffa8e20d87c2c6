"""What a band or a prediction set promises, and under which assumption: a sentence or two, in English and Chinese."""

from __future__ import annotations

from typing import Any

from torchlogit.arguments import check_language

DRAWN = {
    "en": "Assumption: the {n} calibration rows and the new rows are independent draws from one population, and the model was "
    "not fitted to the calibration rows.",
    "zh": "前提：{n} 行校准数据与新数据是同一总体的独立抽样，且模型没有用校准数据拟合。",
}
EXCHANGEABLE = {
    "en": "Assumption: the {n} calibration rows and the new row are exchangeable (such as independent draws from one "
    "population), and the model was not fitted to the calibration rows.",
    "zh": "前提：{n} 行校准数据与新的一行可交换（例如同一总体的独立抽样），且模型没有用校准数据拟合。",
}
EN = {
    "band": "Uncertain from a probability of {low} to {high}.",
    "band_classes": "Uncertain where no class has a probability of {high} or more.",
    "counted": " Of {n} calibration rows {decided} are decided, {error} of these wrongly.",
    "given": "The band was given, so nothing is promised.",
    "costs": "No other rule costs less on average where a false yes costs {false_yes}, a false no {false_no} and asking {ask}. "
    "Assumption: the probabilities are right (calibrated).",
    "costs_classes": "No other rule costs less on average where every error costs {false_yes} and asking {ask}. Assumption: "
    "the probabilities are right (calibrated).",
    "error": "With confidence {confidence}, at most {wanted} of the cases decided are decided wrongly. " + DRAWN["en"],
    "coverage": "On average at least {wanted} of new cases are decided; how many of these are wrong is not promised (here: "
    "{error}). " + EXCHANGEABLE["en"],
    "crossed": "An estimate, no promise: each of {n} rows was decided by a model fitted without it, and {error} of the "
    "{decided} decided were wrong; the model that decides now is another one, fitted to all of them.",
    "conformal": "At least {level} of new cases have their class in their set, on average over calibration rows and new rows. "
    + EXCHANGEABLE["en"],
    "conformal_by_class": "Of every class, at least {level} of new cases have it in their set, on average over calibration "
    "rows and new rows. " + EXCHANGEABLE["en"].replace("new row are", "new row of a class are"),
    "conformal_folds": "At least {promised} of new cases have their class in their set, on average over samples: 1 − 2·{miss} "
    "less what {folds} folds of {n} rows cost; usually it is about {level}. Assumption: the {n} rows and the new row are "
    "exchangeable (such as independent draws from one population), and the model does not depend on their order.",
    "band_of_sets": "At most {miss} of all new cases, uncertain ones included, are decided wrongly, on average over "
    "calibration rows and new rows. " + EXCHANGEABLE["en"],
}  # fmt: skip
ZH = {
    "band": "概率在 {low} 与 {high} 之间时为不确定。",
    "band_classes": "没有任何一类的概率达到 {high} 时为不确定。",
    "counted": "在 {n} 行校准数据中，对 {decided} 作出判断，其中 {error} 判错。",
    "given": "区间由使用者给定，不作任何保证。",
    "costs": "误判为“是”的代价为 {false_yes}、误判为“否”的代价为 {false_no}、转人工的代价为 {ask} 时，"
    "平均代价没有比它更低的规则。前提：概率是准确的（已校准）。",
    "costs_classes": "每次误判的代价为 {false_yes}、转人工的代价为 {ask} 时，平均代价没有比它更低的规则。"
    "前提：概率是准确的（已校准）。",
    "error": "以 {confidence} 的置信度，作出判断的情形中判错的不超过 {wanted}。" + DRAWN["zh"],
    "coverage": "平均至少对 {wanted} 的新情形作出判断；其中判错多少不作保证（校准数据中为 {error}）。" + EXCHANGEABLE["zh"],
    "crossed": "这是估计，不是保证：{n} 行数据的每一行都由未用该行拟合的模型判断，作出判断的 {decided} 中有 {error} 判错；"
    "现在使用的是另一个模型，由全部数据拟合。",
    "conformal": "就校准数据与新数据平均而言，至少 {level} 的新情形，其真实类别在预测集之内。" + EXCHANGEABLE["zh"],
    "conformal_by_class": "就校准数据与新数据平均而言，每一类中都有至少 {level} 的新情形，其预测集包含该类。"
    + EXCHANGEABLE["zh"].replace("新的一行可交换", "同类的新的一行可交换"),
    "conformal_folds": "就样本平均而言，至少 {promised} 的新情形，其真实类别在预测集之内：1 − 2·{miss}，再减去 "
    "{n} 行数据分 {folds} 折的代价；通常约为 {level}。"
    "前提：这 {n} 行数据与新的一行可交换（例如同一总体的独立抽样），且模型与数据的次序无关。",
    "band_of_sets": "就校准数据与新数据平均而言，全部新情形（包括不确定的）中判错的不超过 {miss}。" + EXCHANGEABLE["zh"],
}  # fmt: skip
WORDS = {"en": EN, "zh": ZH}
SHARES = ("wanted", "confidence", "error", "decided", "level", "promised", "miss")  # told in percent


def guarantee(key: str, language: str, **values: Any) -> str:
    """The sentences of a promise; ParameterError for a language that there is not.

    >>> guarantee("costs_classes", "en", false_yes=1.0, ask=0.2).partition(". ")[0]
    'No other rule costs less on average where every error costs 1 and asking 0.2'
    """
    check_language(language)
    sign = " %" if language == "en" else "%"
    told = {
        name: f"{100 * x:.4g}{sign}" if name in SHARES and x is not None else _plain(x) for name, x in values.items()
    }
    return WORDS[language][key].format(**told)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
