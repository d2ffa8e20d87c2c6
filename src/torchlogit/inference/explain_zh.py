"""The sentences of an explanation, in Chinese: 简体中文."""

from torchlogit.render.spoken import reworded

NAME = "简体中文"
LANG = "zh"
PERCENT = "%"
SEPARATOR = "、"
MORE = "{names}等（共 {count} 个）"
WORDS = {
    "title": "关于 {target}，拟合结果说明了什么",
    "rows": "共使用 {n} 行数据，其中 {events} 行（{share}）为 {event}。",
    "rows_counted": "共使用 {n} 行数据，合计 {total}，其中 {events}（{share}）为 {event}。",
    "rows_trials": "共使用 {n} 行数据，合计 {total} 次试验，其中 {events} 次（{share}）成功。",
    "classes": "共使用 {n} 行数据，分为 {count} 类。",
    "compared": "各类都与 {base} 比较。",
    "dropped": "另有 {n} 行因含缺失值而未使用。",
    "whole": "与不用任何变量相比，这些项合起来能更好地描述 {target}（似然比检验，{p}）。",
    "whole_no": "数据不足以说明：这些项合起来比不用任何变量更能描述 {target}（似然比检验，{p}）。",
    "held": "下面每句话所比较的，都是只在一项上不同、其余各项都相同的数据行。",
    "mean": "下面每句话比较两个概率，其余各列都取平均值左右；联系函数 {link} 没有优势比。",
    "number": "{name} 每增加 {step}",
    "flag": "{name} 为 1 时与为 0 时相比",
    "level": "{name} 为 {level} 时与为 {reference} 时相比",
    "where": "在 {held} 处，{subject}",
    "held_at": "{name} = {value}",
    "and": " 且 ",
    "unit": "1 个单位",
    "units": "{step} 个单位",
    "event": "{target} = {label}",
    "success": "成功（{target}）",
    "failure": "失败（{target}）",
    "event_against": "{target} = {label}（相对于 {base}）",
    "times": "{subject}，{event} 的优势变为原来的 {ratio} 倍{evidence}。",
    "higher": "{subject}，{event} 的优势提高 {percent}，即变为原来的 {ratio} 倍{evidence}。",
    "lower": "{subject}，{event} 的优势降低 {percent}，即变为原来的 {ratio} 倍{evidence}。",
    "unknown": "{subject}，{event} 的优势是升是降，数据还不能说明：估计为 {ratio} 倍{evidence}，而区间同时包含升和降。",
    "changes": "{second}，“{subject}”所对应的 {event} 的优势比变为原来的 {ratio} 倍{evidence}。",
    "changes_unknown": "{second}，“{subject}”所对应的 {event} 的优势比是变大还是变小，数据还不能说明："
    "估计为原来的 {ratio} 倍{evidence}，而区间同时包含两个方向。",
    "points_higher": "{subject}，{event} 的概率高 {points} 个百分点：由 {start} 变为 {to}{evidence}。",
    "points_lower": "{subject}，{event} 的概率低 {points} 个百分点：由 {start} 变为 {to}{evidence}。",
    "points_unknown": "{subject}，{event} 的概率是升是降，数据还不能说明：估计由 {start} 变为 {to}{evidence}，两个方向都有可能。",
    "none": "{subject}，{event} 的优势没有变化：估计值为 0。",
    "evidence": "（{level} 置信区间 {low} 至 {high}，{p}）",
    "evidence_p": "（{p}）",
    "unbounded": "无上限",
    "missing": "未求得",
    "split": "各类被 {names} {how}分开：分界一侧的数据行全都属于同一类，因此不存在有限的极大似然估计。"
    "补充数据后各类也许会重叠；加上 Firth 惩罚（torchlogit.Jeffreys）或岭惩罚（torchlogit.L2）可以得到有限的估计。",
    "at_least": "数据没有给出上限：{subject}，{event} 的优势变为原来的 {ratio} 倍或更多{evidence}。",
    "at_most": "数据没有给出下限：{subject}，{event} 的优势变为原来的 {ratio} 倍或更少{evidence}。",
    "perfectly": "完全",
    "in part": "部分",
    "aliased": "{name} 与其他列重复，没有自己的数值。",
    "curve": "{name} 有好几个系数，合起来才有意义{tested}；请看 fit.effects() 或图形。",
    "shared": "{name} 出现在不止一项之中，它的作用要看其他变量取什么值{tested}；请看 fit.effects() 或图形。",
    "tested": "（保留其余各项，对这一项的 Wald 检验：{p}）",
    "half": "当 {name} = {value} 时，两种结果的概率相等。",
    "half_outside": "两种结果的概率要到 {name} = {value} 时才相等，而这已超出数据的范围（{low} 至 {high}）。",
    "uncertified": "这次拟合没有达到有证书的最优解（{why}），因此不对其数值作解释。",
    "more": "以上是前面的各项；其余 {n} 个比较见系数表。",
    "empty": "模型除截距外没有任何项：它给每一行的概率都相同。",
    "penalised": "惩罚项把这些数值往“无关联”的方向压缩了，强度越大压得越多；它们没有置信区间和 p 值，"
    "只说明模型如何预测，不说明关联有多强。",
    "firth": "Firth 惩罚消除了估计的一阶偏差。",
    "no_errors": "没有给出区间和 p 值：{why}。",
    "profile": "区间和 p 值由似然函数本身得出（轮廓似然区间、似然比检验）。",
    "profile_penalised": "区间和 p 值由带惩罚的似然函数得出（轮廓似然区间、似然比检验）。",
    "wald": "区间为 Wald 区间，p 值来自 Wald 检验，标准误：{kind}。",
    "odds": "优势是一种结果的概率与另一种结果的概率之比：优势为 3 即三比一，概率为 75%。",
    "association": "以上都是所观察数据中的关联，并不说明人为改变某个变量会带来什么结果。",
}  # fmt: skip

REASONS = (  # what other modules say in English: a pattern and what stands for it, in this order
    (r"inverse expected information", "期望信息矩阵的逆"),
    (r"inverse augmented information", "增广信息矩阵的逆"),
    (r"inverse information", "信息矩阵的逆"),
    (r"clustered by (.+) \((.+)\)", r"按 \1聚类（\2）"),
    (r" and by ", "与 "),
    (r", (\d+) clusters", r"（\1 个聚类）"),
    (r"score bootstrap, (\d+) resamples, seed (\d+)", r"得分自助法，重抽样 \1 次，随机种子 \2"),
    (r"bootstrap, (\d+) resamples, seed (\d+)", r"自助法，重抽样 \1 次，随机种子 \2"),
    (r"linearised", "线性化"),
    (r" \(robust\)", "（稳健）"),
    (r", expected information", "，期望信息"),
    (r"the fit is penalised.*", "拟合带有惩罚，系数被压缩，以其为中心的区间达不到应有的覆盖率"),
    (r"they are given for logistic.* up to (\d+) coefficients", r"只为系数不超过 \1 个的逻辑斯蒂和多分类拟合给出"),
    (
        r"the information at the optimum is so nearly singular.*",
        "最优解处的信息矩阵近乎奇异，舍入误差会左右标准误；请加上惩罚",
    ),
    (r"^max_iter$", "迭代次数已用完"),
    (r"^flat$", "列与列共线，数据不能确定全部系数"),
    (r"^not_finite$", "计算中出现了非有限的数值"),
    (r"half the Newton decrement", "牛顿减量之半"),
    (r"duality gap", "对偶间隙"),
    (r"quasi-Newton estimate", "拟牛顿估计"),
    (r", at an optimum; with this link there may be others", "，处于一个最优解；这个联系函数可能还有别的最优解"),
)


def spoken(reason: str) -> str:
    """A reason or a kind of errors in Chinese.

    >>> spoken("HC3 (robust)"), spoken("clustered by `g`, 12 clusters and by `h`, 9 clusters (HC1)")
    ('HC3（稳健）', '按 `g`（12 个聚类）与 `h`（9 个聚类）聚类（HC1）')
    """
    return reworded(reason, REASONS)
