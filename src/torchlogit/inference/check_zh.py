"""The sentences of a check, in Chinese: 简体中文."""

from __future__ import annotations

from collections.abc import Sequence

from torchlogit.inference import explain_zh
from torchlogit.render.spoken import reworded
from torchlogit.tables.names import FIRST

LANG = "zh"
NAMES = {
    "optimum": "最优解",
    "separation": "分离",
    "events": "事件数",
    "collinearity": "共线",
    "linearity": "线性",
    "influence": "影响点",
    "calibration": "校准",
    "outliers": "离群点",
}
_FEW = "最少的一类有 {cases}，系数有 {coefficients}，平均每个系数 {each} 例"
_HOSMER = "Hosmer–Lemeshow 检验（{where}，分 {groups} 组）：p {p}；"
_SCATTER = "计数的 Pearson 卡方为 {pearson}，自由度 {df}，平均 {each}（p {p}）："
_CONDITION = "条件数为 {condition}，还剩 {digits} 位有效数字。"
_SURPRISED = "有 {rows}的实际结果，其概率小于 1/90；按模型预计有 {expected} 行"
_FAR = "有 {rows}计数的偏差残差超过 3；按模型预计有 {expected} 行"
_LOOK = "。请查看{which}：也许数据有误，也许有模型不知道的情况。"
_DECIDED = "（由线性规划判定）"
WORDS = {
    "title": "对 {target} 的拟合所作的检查：{count}",
    "passed": "{n} 项通过",
    "faults": "{n} 项需要查看",
    "open": "{n} 项未作",
    "and": "，",
    "then": "；",
    "not checked": "未检查：{why}。",
    "not certified": "拟合没有证书",
    "no coefficients": "模型除截距外没有系数",
    "certified": "拟合位于有证书的最优解处。",
    "uncertified": "{why}；不要把它的系数当作估计值。",
    "separated": "各类被{names}{how}分开，因此不存在有限的极大似然估计；所显示的系数只是搜索停止处的值。"
    "加上惩罚（Jeffreys()，即 Firth 惩罚；或 L2）可以得到有限的估计。",
    "finite": "没有方向能把各类分开：最优解本身有证书，因此每个估计都是有限的。",
    "overlap": f"没有方向能把各类分开{_DECIDED}：每个估计都是有限的。",
    "overlap_penalised": f"没有方向能把各类分开{_DECIDED}：即使不加惩罚，估计也是有限的。",
    "split": f"各类被{{names}}{{how}}分开{_DECIDED}：不存在有限的极大似然估计；请加上惩罚"
    "（Jeffreys()，即 Firth 惩罚；或 L2）。",
    "split_penalised": f"各类被{{names}}{{how}}分开{_DECIDED}：不加惩罚就不存在有限的估计，因此在这个方向上系数有多大，"
    "既取决于数据，也取决于惩罚。对 Jeffreys() 请看轮廓区间和似然比检验，不要看 Wald 的；对其他惩罚只看预测。",
    "perfectly": "完全",
    "in part": "部分",
    "by": " {names} ",
    "many": _FEW + "。",
    "few": _FEW + "，少于 {least} 例：估计往往离 0 过远，Wald 区间会误导；请减少项数，或用 Firth 惩罚，或用轮廓区间。",
    "few_penalised": _FEW + "，少于 {least} 例：惩罚限制了估计，但减少项数或增加数据会更有说服力。",
    "aliased": "{told}{more}。请去掉这样的列。",
    "more": "；另外还有 {n} 列",
    "no columns": "模型除截距外没有列。",
    "apart": "最大的方差膨胀因子为 {worst}，不超过 {most}；" + _CONDITION,
    "inflated": "{names} 的方差膨胀因子超过 {most}：它们所说的大同小异，因此单个系数很不确定；请用联合检验一并判断，"
    "或只留一个（同一列的幂与交互项本来就相近）。" + _CONDITION,
    "no numbers": "没有可能弯曲的数值项。",
    "straight": "没有发现弯曲的数值项（平方项的得分检验，最小的 p {p}）。",
    "bent": "按平方项的得分检验，对数几率随 {names} 弯曲；请加上平方项或样条，例如 bs(x, 4)，或把数值分成有意义的类别。",
    "saturated": "拟合与每一行都完全吻合，去掉哪一行都无法再拟合",
    "even": "最大的 Cook 距离为 {largest}（第 {row} 行），不超过 1：没有哪一行独自决定结果。",
    "influential": "{which}的 Cook 距离超过 1（最大 {largest}）：请核对数值是否有误，并同时报告保留和去掉这些行的拟合；"
    "影响大并不等于有错。",
    "own rows": "用拟合所用的数据行，因而偏宽松",
    "these rows": "用这些数据行",
    "calibrated": _HOSMER + "没有发现明显的毛病，用新的数据行可以看得更多。",
    "miscalibrated": _HOSMER + "有些组发生的事件比概率所说的多或少；可能缺少弯曲项或交互项。",
    "no freedom": "系数与数据行一样多",
    "binomial": _SCATTER + "离散程度不超过二项分布的计数。",
    "overdispersed": _SCATTER + "比二项分布的计数更分散，因此由信息矩阵得到的标准误大约偏小到 1/{times}；"
    '请看是否缺少某一项，并使用稳健标准误：fit.robust("HC1")，--robust HC1。',
    "surprises": _SURPRISED + "。",
    "too many surprises": _SURPRISED + _LOOK,
    "far counts": _FAR + "。",
    "too many far counts": _FAR + _LOOK,
}
UNITS = {"row": "行", "case": "例", "coefficient": "个"}

REASONS = (  # what other modules say in English: a pattern and what stands for it, in this order
    (r"aliased: (`.+`) is constant; it has no coefficient of its own", r"\1 是常数列，没有自己的系数"),
    (r"aliased: (.+); it has no coefficient of its own", r"\1，没有自己的系数"),
    (r"this fit holds no rows \(it was read from a file, or moved to another prevalence\); give the data as well",
     "拟合中没有数据行（读自文件，或已换到另一个患病率）；请同时给出数据"),
    (r"score tests need a maximum-likelihood fit: it is penalised", "得分检验需要极大似然拟合，而这个拟合带有惩罚"),
    (r"score tests need a maximum-likelihood fit: ", "得分检验需要极大似然拟合："),
    (r"there are (\d+) numbers, more than (\d+); check fewer at a time", r"数值项有 \1 个，超过 \2 个；请一次少查一些"),
    (r"there are (\d+) columns, more than (\d+)", r"共有 \1 列，超过 \2 列"),
    (r"the rows have only (\d+) groups of different probability; the test needs 3", r"各行的概率只分得出 \1 组，而检验需要 3 组"),
    (r"Hosmer and Lemeshow's test is for probabilities of two classes", "Hosmer–Lemeshow 检验只用于两类的概率"),
    (r"on its own rows the test is for a certified fit without a penalty; give new rows",
     "对拟合所用的数据行，检验只用于有证书且不带惩罚的拟合；请给出新的数据行"),
    (r"Hosmer and Lemeshow's test is for rows without weights", "Hosmer–Lemeshow 检验只用于没有权重的数据行"),
    (r"these are not the rows that were fitted: their log-likelihood is ([^ ]+), the fit's ([^ ;]+).*",
     r"这些不是拟合所用的数据行：它们的对数似然为 \1，拟合的为 \2"),
    (r"no influence: ", "无法计算影响："),
    (r"the linear programme would be too large", "线性规划过大"),
    (r"the linear programmes did not come to an end", "线性规划没有终止"),
    (r"the linear programme failed \((.*)\)", r"线性规划失败（\1）"),
    (r"the iterations ran out before.*", "迭代次数在最优解得到证书之前已用完；请加大 max_iter，或放宽 tol"),
    (r"the classes are split, so no finite.*", "各类被分开，不存在有限的极大似然估计；请加上惩罚"),
    (r"the data do not determine every coefficient.*", "数据不能确定全部系数（列与列共线）；请去掉一些列，或加上惩罚"),
    (r"the computation met a value that is not finite.*", "计算中出现了非有限的数值；请查看数据中有无极端的值"),
)  # fmt: skip


def spoken(reason: str) -> str:
    """A reason in Chinese; what has no Chinese stays as it is.

    >>> spoken("aliased: `z` = 2 `x`; it has no coefficient of its own")
    '`z` = 2 `x`，没有自己的系数'
    """
    return explain_zh.spoken(reworded(reason, REASONS))


def counted(n: float, what: str) -> str:
    """``2 行``."""
    return f"{n:.10g} {UNITS[what]}"


def listed(names: Sequence[str]) -> str:
    """The first five.

    >>> listed(["`a`", "`b`"])
    '`a`、`b`'
    """
    told = "、".join(names[:FIRST])
    return told if len(names) <= FIRST else f"{told} 等（共 {len(names)} 个）"


def rows(places: Sequence[int]) -> str:
    """Rows (from 0) as they are counted.

    >>> rows([0, 4])
    '第 1、5 行'
    """
    told = "、".join(str(int(place) + 1) for place in places[:FIRST])
    return f"第 {told} 行" + (f"等（共 {len(places)} 行）" if len(places) > FIRST else "")
