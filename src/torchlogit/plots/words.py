"""The words of pictures in Chinese, by the English phrase, and lines of either.

A picture says ``style.say("English phrase")``; the phrase itself is the key. Words follow docs/glossary.md.
"""

from __future__ import annotations

import re
from textwrap import fill
from unicodedata import east_asian_width

# fmt: off
CHINESE = {
    # of many
    "Probability of {event}": "{event} 的概率", "uncertain": "不确定",
    "{level} % interval": "{level} % 区间", "at {held}": "其余各列：{held}",
    "{n} of {total} rows shown": "显示 {total} 行中的 {n} 行",
    "event": "事件", "no event": "非事件", "leverage": "杠杆值", "points": "分值", "p": "p",
    # probability curve, decision map
    "fitted probability": "拟合概率", "curve {i}": "曲线 {i}", "Hours": "小时数", "Probability of Pass": "通过的概率",
    "{label}, {p} % at {places}": "{label}，{p} % 在 {places}", " and ": " 和 ", "Probability": "概率",
    "fitted, {level} % interval": "拟合，{level} % 区间", "fitted": "拟合",
    "{share} line": "{share} 线", "its {level} % interval": "其 {level} % 区间",
    # forest
    "Odds ratios of {event}": "{event} 的优势比", "{label} against {base}": "{label} 对 {base}", "odds ratio": "优势比",
    "reference": "参照", "events / n": "事件 / 行数",
    "{name}, per {step}": "{name}，每 {step}",
    "page {i} of {n}": "第 {i} 页，共 {n} 页", "not drawn: {why}": "未画：{why}",
    "penalised": "受惩罚", "no certified bound": "界限没有证书", "infinite: classes split": "无穷（各类被分开）",
    "zero: classes split": "零（各类被分开）", "aliased": "冗余列",
    "several coefficients": "多个系数", "in several terms": "出现在多项中",
    # effects, margins
    "Effects on the probability of {event}": "对 {event} 的概率的效应", "elasticity": "弹性",
    "change of log probability": "概率对数的变化",
    "effect on the probability, in percentage points": "对概率的效应（百分点）",
    "average probability": "平均概率", "probability": "概率", "{name}, per unit": "{name}，每单位",
    "Average probability of {event}": "{event} 的平均概率",
    # path
    "Coefficients as the penalty weakens": "惩罚减弱时的系数",
    "strength of the penalty, 1/C": "惩罚强度 1/C", "coefficient": "系数",
    "coefficients that are not 0": "非零系数的个数",
    # nomogram
    "Nomogram of {event}": "{event} 的列线图", "total points": "总分",
    "Read each value's points straight above it and add them up; below the total stands the probability.":
        "在每个变量的标尺上找到取值，读出正上方的分值并相加；总分的正下方即为概率。",
    # residuals, leverage
    "Binned residuals of {event}": "{event} 的分组残差", "fitted probability, average of a bin": "拟合概率（组内平均）",
    "{name}, average of a bin": "{name}（组内平均）", "average residual": "平均残差", "±2 standard errors": "±2 倍标准误",
    "{outside} of {bins} bins outside; about {expected} are so if the model is right":
        "{bins} 组中有 {outside} 组在外；模型正确时约有 {expected} 组如此", "bin inside": "在内的组", "bin outside": "在外的组",
    "Leverage and residuals": "杠杆值与残差", "standardised Pearson residual": "标准化皮尔逊残差",
    "Quantile residuals of {event}": "{event} 的分位数残差", "normal quantile": "正态分位数", "quantile residual": "分位数残差",
    "{level} % band under the model": "模型之下的 {level} % 范围",
    "rows of the largest Cook distance": "库克距离最大的行",
    # training, images, sigmoids, units
    "epoch": "轮", "loss": "损失", "run {i}": "第 {i} 次", "weight": "权重",
    "Linear unit": "线性单元", "Logistic unit": "逻辑斯蒂单元",
    "value": "函数值", "derivative": "导数", "its derivative": "它的导数", "saturated": "饱和", "logistic": "逻辑斯蒂",
    "distance to the limit": "与极限的距离", "The {name} function": "{name}函数",
    # several pictures of performance
    "features in units of their standard deviation": "各特征以其标准差为单位",
    "Weights of each class": "各类的权重",
    "{name}: {told}": "{name}：{told}", "; ": "；", "threshold {threshold}": "阈值 {threshold}", "threshold": "阈值",
    "the positive class": "正类", "the other class": "另一类", "{n} rows": "{n} 行", "{target} = {event}": "{target} = {event}",
    "{n} rows that the model was fitted to": "{n} 行，即拟合所用的数据",
    "{n} rows, each by a fit to the others": "{n} 行，折外概率",
    "{event}, {rows}": "{event}，{rows}",
    # ROC, precision and recall
    "ROC curve": "ROC 曲线", "false positive rate": "假阳性率", "sensitivity (true positive rate)": "灵敏度（真阳性率）",
    "AUC {auc}": "AUC {auc}", "chance: AUC 0.5": "随机：AUC 0.5",
    "AUC {auc} ({level} % interval {low} to {high})": "AUC {auc}（{level} % 区间 {low} 至 {high}）",
    "Precision and recall": "精确率与召回率", "recall (sensitivity)": "召回率（灵敏度）", "precision": "精确率",
    "average precision {value}": "平均精确率 {value}", "prevalence {value}": "正类占比 {value}",
    # gain, lift
    "Cumulative gain": "累积增益", "share of the rows, most probable first": "行的比例（概率从高到低）",
    "share of the positive class": "占正类的比例", "best possible": "理论最优", "rows at random": "随机挑选",
    "{share} % of the rows hold {held} % of the positive class": "{share} % 的行含有 {held} % 的正类",
    "Lift": "提升度", "lift": "提升度", "within each group": "各组之内",
    "up to there; first {share} %: {times} times": "累计；前 {share} %：{times} 倍",
    # thresholds, costs, decision curve
    "Rates by threshold": "各阈值下的比率", "rate": "比率", "sensitivity": "灵敏度", "specificity": "特异度",
    "negative predictive value": "阴性预测值", "{rate} {value}": "{rate} {value}",
    "Cost by threshold": "各阈值下的代价", "mean cost of a row": "每行的平均代价",
    "a false yes costs {yes}, a false no {no}": "代价：误判为“是” {yes}，误判为“否” {no}",
    "least, {cost}, at threshold {threshold}": "最小 {cost}，阈值 {threshold}",
    "least, {cost}, where no row is called": "最小 {cost}，一行也不判为“是”",
    "what the costs alone say: {threshold}": "仅由代价得出的阈值：{threshold}",
    "Decision curve": "决策曲线", "threshold probability": "阈概率", "net benefit": "净收益", "treat all": "全部处理",
    "treat none": "全不处理", "the model, with its {level} % interval": "模型，{level} % 区间",
    # risk and coverage
    "Risk and coverage": "风险与覆盖率", "coverage: share of the rows decided": "覆盖率：作出判断的比例",
    "risk: error rate of these": "风险：其中判错的比例",
    "area {value}": "面积 {value}",
    "uncertain from {low} to {high}: {decided} % decided, {wrong} % of them wrongly":
        "{low} 至 {high} 不确定：判断 {decided} %，判错 {wrong} %",
    # calibration, histogram, confusion matrix
    "Calibration": "校准", "predicted probability": "预测概率", "observed share": "实际比例", "perfectly calibrated": "完全校准",
    "{n} groups of rows, {level} % interval": "{n} 组数据，{level} % 区间",
    "smooth curve, {level} % interval": "平滑曲线，{level} % 区间", "rows with the event, upwards": "发生的行（向上）",
    "rows without it, downwards": "未发生的行（向下）", "slope {slope}, intercept {intercept}": "斜率 {slope}，截距 {intercept}",
    "Probabilities by class": "各类的概率分布", "rows": "行数", "{name}, upwards: {n}": "{name}（向上）：{n}",
    "{name}, downwards: {n}": "{name}（向下）：{n}", "Confusion matrix": "混淆矩阵", "called": "判为", "actual class": "实际类别",
    "class {i}": "类别 {i}", "{name}: {share} % called rightly": "{name}：{share} % 判对",
}
# fmt: on

WIDE = "\u2e80-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60"
PART = re.compile(rf"[（“《]*[{WIDE}][，。、；：！？）”》]*|[^\s{WIDE}]+|\s+")


def wrapped(text: str, width: int) -> str:
    r"""The text in lines of up to ``width`` letters; a Chinese one counts as two and may end a line.

    >>> wrapped("one two three", 8)
    'one two\nthree'
    >>> wrapped("拟合概率（组内平均）", 8)
    '拟合概率\n（组内平\n均）'
    """
    return "\n".join(_lines(line, width) for line in text.split("\n"))


def _lines(text: str, width: int) -> str:
    if columns(text) == len(text):
        return fill(text, width)
    lines, width = [""], int(1.1 * width)  # a Chinese letter is a little narrower than two
    for part in PART.findall(text):
        if lines[-1] and columns(lines[-1] + part.rstrip()) > width:
            lines.append("")
        lines[-1] += part if lines[-1] else part.lstrip()
    return "\n".join(line.rstrip() for line in lines)


def columns(text: str) -> int:
    """How many letters wide a text is, a Chinese one being two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)
