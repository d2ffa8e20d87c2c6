"""What a `Calibration` says, in English and Chinese sentences."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

from torchlogit.arguments import check_language

if TYPE_CHECKING:
    from torchlogit.calibration.measures import Calibration

WORDS = {
    "en": {
        "mean": "{predicted:.1f} % of the rows were expected to have the event, and {observed:.1f} % had it",
        "even": "that is no detectable difference",
        "few": "too few were predicted (intercept {0:.2f}, {1:.2f} to {2:.2f})",
        "many": "too many were predicted (intercept {0:.2f}, {1:.2f} to {2:.2f})",
        "right": "Probabilities spread about as they should: the slope is {0:.2f} ({1:.2f} to {2:.2f}), and 1 is right",
        "extreme": "Probabilities are too extreme: the slope is {0:.2f} ({1:.2f} to {2:.2f}), under 1, as of an overfitted model",
        "timid": "Probabilities are too near the average: the slope is {0:.2f} ({1:.2f} to {2:.2f}), over 1",
        "distance": "A probability misses the smooth curve of what happened by {ici:.1f} percentage points on average",
        "join": "; ",
        "stop": ".",
        "none": "no {name}: {error}",
        "seen": "the model was fitted to these very rows, on which a fit without a penalty has intercept 0 and slope 1 "
        "whatever it is worth on others, so there are no intervals and no tests; give other rows, or folds=10",
        "biased": "the ECE is biased upwards: of rows like these a perfectly calibrated model would show {bias:.4f} on average, "
        "for the noise within the bins counts as miscalibration; `ece debiased` has the estimated noise taken off",
    },
    "zh": {
        "mean": "模型预计 {predicted:.1f} % 的行发生事件，实际发生 {observed:.1f} %",
        "even": "两者没有可察觉的差别",
        "few": "预计偏少（截距 {0:.2f}，区间 {1:.2f} 至 {2:.2f}）",
        "many": "预计偏多（截距 {0:.2f}，区间 {1:.2f} 至 {2:.2f}）",
        "right": "概率的离散程度大体恰当：校准斜率为 {0:.2f}（区间 {1:.2f} 至 {2:.2f}），1 为恰好",
        "extreme": "概率过于极端：校准斜率为 {0:.2f}（区间 {1:.2f} 至 {2:.2f}），小于 1，常见于过拟合",
        "timid": "概率过于靠近平均值：校准斜率为 {0:.2f}（区间 {1:.2f} 至 {2:.2f}），大于 1",
        "distance": "概率与实际发生比例的平滑曲线平均相差 {ici:.1f} 个百分点",
        "join": "；",
        "stop": "。",
        "none": "{name} 无法给出：{error}",
        "seen": "这些行正是拟合所用的行：不加惩罚的拟合在其上截距必为 0、斜率必为 1，与它在别处的好坏无关，因此不给区间和检验；"
        "请给出新的数据，或用 folds=10。",
        "biased": "ECE 偏高：即使模型完全校准，这样的数据平均也会显示 {bias:.4f}，因为箱内的随机波动也被算作误差；"
        "ece debiased 已减去估计的波动。",
    },
}


def words_of(language: str) -> dict[str, str]:
    """The words of a language; ParameterError for one that is not there."""
    check_language(language)
    return WORDS[language]


def verdict(found: Calibration, language: str = "en") -> tuple[str, ...]:
    """What the numbers say, each a sentence; nothing of what does not exist. ParameterError for another language."""
    words = words_of(language)
    told = words["mean"].format(predicted=100 * found.predicted, observed=100 * found.observed)
    lines = [words["join"].join(filter(None, [told, _against(found, words, "intercept", ("many", "even", "few"))]))]
    lines.append(_against(found, words, "slope", ("extreme", "right", "timid")))
    if not isnan(found["ici"]):
        lines.append(words["distance"].format(ici=100 * found["ici"]))
    return tuple(line + words["stop"] for line in lines if line)


def _against(found: Calibration, words: dict[str, str], measure: str, names: tuple[str, str, str]) -> str:
    """The sentence for an interval that lies under, about or over the ideal; empty where there is none."""
    i = found.measure.index(measure)
    low, high, ideal = (float(values[i]) for values in (found.low, found.high, found.ideal))
    if isnan(low) or isnan(high):
        return ""
    name = names[0] if high < ideal else names[2] if low > ideal else names[1]
    return words[name].format(found.estimate[i], low, high)
