"""What an evaluation says, in English and Chinese."""

from __future__ import annotations

from torchlogit.arguments import LANGUAGES, check_language

WORDS = {
    "title": ("Evaluation of the probabilities", "概率的评价"),
    "measure": ("measure", "指标"),
    "value": ("value", "数值"),
    "low": ("low", "下限"),
    "high": ("high", "上限"),
    "interval": ("interval", "区间方法"),
    "rows": ("rows", "行数"),
    "events": ("events", "事件"),
    "positive": ("positive class", "正类"),
    "threshold": ("threshold", "阈值"),
    "level": ("level", "置信水平"),
    "folds": ("folds", "折数"),
    "where": ("rows are", "数据"),
    "own": ("those of the fit", "拟合所用的行"),
    "others": ("others than the fit's", "拟合之外的行"),
    "crossed": ("out of fold: each is scored by a fit without it", "折外：每一行由未用到它的拟合给出概率"),
    "by_groups": ("By {by}", "按 {by} 分组"),
    "differences": (
        "Difference between each group and all others (* its {level:g} interval leaves 0 out)",
        "各组与其余各组之差（* 表示 {level:g} 区间不含 0）",
    ),
    "log_loss": ("log-loss", "对数损失"),
    "brier": ("Brier score", "Brier 分数"),
    "auc": ("AUC", "AUC"),
    "hand_till": ("Hand and Till's M", "Hand–Till M"),
    "average_precision": ("average precision", "平均精确率"),
    "lift": ("lift, top 10 %", "提升度（前 10 %）"),
    "accuracy": ("accuracy", "准确率"),
    "balanced_accuracy": ("balanced accuracy", "平衡准确率"),
    "sensitivity": ("sensitivity", "灵敏度（召回率）"),
    "specificity": ("specificity", "特异度"),
    "precision": ("precision", "精确率"),
    "negative_predictive_value": ("neg. predictive value", "阴性预测值"),
    "f1": ("F1", "F1"),
    "macro_f1": ("F1, mean of classes", "F1（各类平均）"),
    "mcc": ("Matthews' correlation", "Matthews 相关系数"),
    "of": ("{measure}, {label}", "{measure}，{label}"),
    "seen": (
        "these are the rows that the model was fitted to, so it looks better here than on others: cross-validate "
        "(folds=10), or give new rows",
        "这些行正是拟合所用的行，结果会偏好：请做交叉验证（folds=10），或给出新的数据。",
    ),
    "folded": (
        "the intervals take the rows as independent of each other and tell the model's luck with these rows, not what other "
        "fits would give",
        "区间把各行看作相互独立；它反映这些行的偶然性，不反映重新拟合带来的变化。",
    ),
    "parts": (
        "Brier score {brier:.4f} = reliability {reliability:.4f} (0 is best) − resolution {resolution:.4f} + uncertainty "
        "{uncertainty:.4f}, over {bins} bins",
        "Brier 分数 {brier:.4f} = 可靠度 {reliability:.4f}（0 最好）− 分辨度 {resolution:.4f} + 不确定度 {uncertainty:.4f}"
        "（{bins} 个分箱）。",
    ),
    "weights": (
        "the weights are no counts: rates have the interval of {n:.4g} rows, as many as the weights are worth",
        "权重不是计数：各比率的区间按有效行数 {n:.4g} 计算。",
    ),
    "infinite": (
        "a row's own class had probability 0, so the log-loss is infinite",
        "有一行的真实类别被给了 0 概率，所以对数损失为无穷大。",
    ),
    "one_class": ("{names} need rows of every class", "{names} 需要每一类都有数据。"),
    "no_rows": ("{names} need rows of every class", "{names} 需要每一类都有数据。"),
    "in_parts": (
        "{names}: the rows were read in parts, and it needs every two classes by themselves",
        "{names}：数据是分批读取的，而该指标需要逐对比较类别。",
    ),
    "bounds": (
        "the rows were read in parts and their ranks counted in cells of the log-odds, so that for certain {between}",
        "数据是分批读取的，名次按对数几率的窄格计数，因此可以确定：{between}。",
    ),
    "between": ("{name} is from {low:.7g} to {high:.7g}", "{name} 在 {low:.7g} 与 {high:.7g} 之间"),
    "none_called": (
        "{names}: there is nothing to take a share of, as no row is called so",
        "{names}：没有任何一行被判为该类，无从计算。",
    ),
    "never_varies": (
        "{names} is none where all rows are of one class or called one class",
        "{names}：所有行同属一类或被判为同一类，无从计算。",
    ),
    "small": (
        "few rows or few of a class: {groups}; little can be said of groups like these, and their intervals are rough",
        "行数或某一类过少：{groups}。这样的组说明不了多少，其区间也很粗略。",
    ),
    "many_compared": (
        "of {count} differences about {expected:.2g} would have a star by chance alone",
        "共比较 {count} 个差值，仅凭偶然就会有约 {expected:.2g} 个带星号。",
    ),
}


class Words:
    """The words of a language: ``words("auc")``, ``words("by_groups", by="sex")``; ParameterError for one that is not there."""

    def __init__(self, language: str) -> None:
        check_language(language)
        self.place = LANGUAGES.index(language)

    def __call__(self, key: str, **parts: object) -> str:
        return WORDS[key][self.place].format(**parts)

    def list(self, items: list[str]) -> str:
        """Several in a row.

        >>> Words("en").list(["a", "b"]), Words("zh").list(["a", "b"])
        ('a, b', 'a、b')
        """
        return (", ", "、")[self.place].join(items)
