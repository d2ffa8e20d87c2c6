"""The words of a report, in Chinese: 简体中文. The keys are those of `words_en`."""

SEPARATOR = "、"
WORDS = {
    "title": "关于 {target} 的报告",
    "kind": "{model}，{n} 行数据",
    "made": "由 torchlogit {version} 生成于 {date}",
    "contents": "目录",
    "picture": "图",
    "foot": "本页不需要网络，也不需要脚本；其中不含任何一行原始数据。",
    "answer": "结论",
    "doubt": "哪些地方要存疑",
    "effects": "换成百分点来说",
    "performance": "预测得有多准",
    "numbers": "数值",
    "checks": "检查",
    "limits": "使用上的限制",
    "origin": "这份报告是怎样得出的",
    "clear": "数据表明的",
    "open": "数据还不能说明的",
    "further": "……另有 {n} 句，见“数值”一节。",
    "said": "模型给出的",
    "goes_with": "与 {event} 有关",
    "used_for": "用来预测 {event}",
    "left_open": "数据还不能说明的",
    "right_new": "在没有见过的行上答对；一律答最常见的那一类：{always}",
    "right_seen": "在拟合所用的行上答对；一律答最常见的那一类：{always}",
    "of_hundred": "每 100 行 {n} 行",
    "points": "平均变化（百分点）",
    "points_how": "某一列变化而其余各列不变时，{event} 的概率变化多少个百分点（对各行求平均）。",
    "points_how_many": "某一列变化而其余各列不变时，各类的概率变化多少个百分点（对各行求平均）。",
    "no_effects": "没有给出：这次拟合没有标准误，或者项数太多，列不成表。",
    "nothing": "下面的每项检查都做过了，都没有发现问题。每项只查一种毛病：这并不等于证明没有问题。",
    "not_made": "有些检查没能做：{names}。原因见下面的“检查”。",
    "dropped": "全部 {total} 行中，有 {n} 行（{share}）因含空白单元格而未使用。如果它们与其余各行不同，"
    "结论就只对其余各行成立。",
    "identifier": "{name} 在 {n} 行里有 {levels} 种不同的文字，看上去像姓名或编号。这样的列对新数据毫无用处，请把它去掉。",
    "counter": "{name} 的取值像行号一样是 1、2、3……。如果它就是行号，请把它去掉。",
    "other_rows": "模型并不是用这些行拟合的。系数等数值来自模型文件；检查和预测的准确程度则来自 {data} 的各行。",
    "many": "共有 {n} 个比较以 {alpha} 的水平作了检验。即使没有任何一项与 {target} 有关，也会有大约 {expected} "
    "个碰巧显得明确。",
    "offset": "{name} 原样加到每一行上（偏移量），它不是学习得到的。",
    "no_better": "对没有见过的行，模型的排序并不比碰运气强：区间 {low} 至 {high} 包含了 50（每 100 对）。",
    "no_gain": "一律答最常见的那一类，每 100 行能答对 {always} 行，而模型答对 {right} 行：还看不出它更准。",
    "no_folds": "无法做交叉验证：去掉一部分行之后，模型就没有带证书的拟合。"
    "因此预测的准确程度是在拟合所用的行上算出的，显得比实际更准。",
    "extreme": "对新数据来说，它给出的概率过于极端：校准斜率为 {slope}（区间 {low} 至 {high}），说明各行的概率本应更接近。"
    "增加数据、减少项数或加上惩罚会有帮助。",
    "unseen_folds": "每一行都由一个没有见过它的模型来预测（{folds} 折交叉验证，随机种子 {seed}）。",
    "unseen_rows": "这些行（{data}）没有用于拟合。",
    "seen": "模型正是用这些行拟合的，所以在这里显得比实际更准。",
    "right": "每 100 行中答对的行数",
    "always": "若一律答最常见的那一类",
    "ranked": "每 100 对中排对的对数",
    "pair": "一对就是两类各取一行；属于 {event} 的那一行概率较高，就算排对。碰运气能排对 50 对。",
    "sure": "模型最没有把握的行可以先不作答：把概率最接近一半的 {share} 的行留下不答，其余各行答错的比例就由 {whole} "
    "变为 {error}。",
    "figure_interval": "（{level} 区间 {low} 至 {high}）",
    "measures": "全部指标",
    "coefficients": "系数",
    "no_performance": "没有计算：这次拟合没有达到有证书的最优解。",
    "how_numbers": "估计值是该项加到对数几率上的数；优势比是 e 的这个次方，即优势变为几倍；区间是优势比的区间。",
    "class_against": "{label}（相对于 {base}）",
    "class": "{label}",
    "few_rows": "只列出全部 {rows} 行中的前 {shown} 行；本报告的 JSON 形式中列有全部。",
    "data": "数据",
    "rows": "行数",
    "rows_used": "使用 {n} 行，舍去 {dropped} 行（有空白单元格）",
    "hash_file": "文件的 SHA-256",
    "hash_numbers": "各行数值的 SHA-256",
    "target": "目标",
    "classes": "类别",
    "class_count": "{label}：{count}",
    "more_classes": "共 {n} 类",
    "terms": "项",
    "model": "模型",
    "formula": "公式",
    "weights": "权重",
    "weights_kind": "{name}（{kind}）",
    "offset_name": "偏移量",
    "penalty": "惩罚项",
    "solver": "求解器",
    "iterations": "{solver}，迭代 {n} 次",
    "certificate": "最优性证书",
    "certified": "有证书：损失与最小值的相对距离在 {distance} 以内（{kind}）",
    "uncertified": "没有：{why}",
    "errors": "标准误",
    "model_file": "模型文件",
    "command": "命令",
    "date": "日期",
    "versions": "版本",
    "likelihood": "对数似然",
    "likelihoods": "{full}；不用任何项时为 {null}",
    "criteria": "AIC、BIC",
    "effects_caption": "{event} 的概率变化多少个百分点（对各行求平均）",
    "curve_caption": "{event} 的概率随 {name} 的变化（其余各列固定）",
    "forest_caption": "每一项使 {event} 的优势变为几倍：1 的右边为升，左边为降",
    "roc_caption": "各行排序的好坏：越靠近左上角越好",
    "calibration_caption": "概率是否属实：属实则落在对角线上",
    "confusion_caption": "哪些答对了：各行的实际类别与所答的类别",
    "risk_caption": "没有把握的不作答，错误会减少多少",
    "each_class": "各类",
}
LIMITS = {
    "cause": "它说明什么与什么相伴出现，不说明什么引起什么。这里没有一句话说的是：人为改变某个变量会带来什么结果。",
    "rows": "它只适用于与所用数据相像的行。换了地方、时间或人群，先要检验；超出数据中出现过的取值，它只是猜测。",
    "shape": "除非公式另有说明，它假定每个数值变量在对数几率上按相等的步子起作用，而且各项的作用与其他变量的取值无关。",
    "single": "概率说的是许多相像的行：100 行都是 70%，大约有 70 行会出现这一结果。单独一行会怎样，它并不知道。",
    "people": "不要让它独自对人作出决定。某一列可不可以用于这样的决定，是法律与公平的问题，这里的任何数字都回答不了。",
    "absent": "数据中没有的列，它看不见：那一列的作用会被算到与之相伴的各列头上。",
}
SMALL = "p 值和区间都以模型成立为前提，并且假定模型是在看数据之前选定的。"
CHECKS = {
    "optimum": (
        "找到最佳拟合了吗？",
        "找到了，并且有证书。",
        "没有：求解没有达到有证书的最优解。不要把它的数值当作估计值。",
    ),
    "separation": (
        "有没有哪一列把各类完全分开？",
        "没有：所有估计都是有限的。",
        "有：各类被分开而没有重叠，因此有些数值不存在有限的估计。加上惩罚（--firth）或补充数据会有帮助。",
    ),
    "events": (
        "对这么多项来说，数据够不够？",
        "够：每个系数有最少一类的 {value} 行；通常至少要 10 行。",
        "不太够：每个系数只有最少一类的 {value} 行，通常至少要 10 行。估计往往偏大，区间往往不准。",
    ),
    "collinearity": (
        "各列之间有没有重复？",
        "没有严重的重复。",
        "有：有些列说的几乎是同一件事，所以它们各自的数值很不确定，或者没有。请合起来看，或只留一个。",
    ),
    "linearity": (
        "每个数值变量是否按相等的步子起作用？",
        "没有发现弯曲。",
        "不是：对数几率有弯曲。所说的“每增加一个单位”于是只是较陡与较平各段的平均。",
    ),
    "influence": ("有没有哪一行单独左右了结果？", "没有。", "有：去掉某一行，结果就会改变。请核对它的数值。"),
    "calibration": (
        "概率与各行的实际相符吗？",
        "没有发现大的问题。",
        "不是处处相符：在某些组里，结果发生得比概率所说的多或少。",
    ),
    "outliers": (
        "出乎意料的行是不是太多？",
        "不比模型所预期的多。",
        "是：模型认为几乎不可能的结果，出现的行数比预期的多。可能是数据有误，也可能是模型有所不知。",
    ),
}
NAMES = {
    "optimum": "最优解", "separation": "分离", "events": "最少一类的行数", "collinearity": "共线性", "linearity": "线性",
    "influence": "影响", "calibration": "校准", "outliers": "异常行",
}  # fmt: skip
STATES = {"good": "正常", "bad": "需留意", "open": "未能检查"}
OPEN_CHECK = "这一项没能检查。"
HEADS = {
    "term": "项", "estimate": "估计值", "std.\nerror": "标准误", "z": "z", "p": "p", "odds\nratio": "优势比",
    "low": "{level}\n下限", "high": "{level}\n上限", "change": "变化", "class": "类别", "contrast": "比较",
}  # fmt: skip
CELLS = {"reference": "参照", "aliased": "冗余", "(Intercept)": "（截距）"}
MODELS = {"softmax": "多项逻辑斯蒂回归", "logistic": "逻辑斯蒂回归", "other": "二分类回归（联系函数 {loss}）"}
PENALTIES = {
    "none": "无（极大似然）", "jeffreys": "Jeffreys 先验（Firth 惩罚）", "l2": "L2（岭）", "l1": "L1（套索）",
    "mixed": "弹性网，其中 L1 占 {ratio}", "strength": "{kind}，强度 {strength}", "by_feature": "{kind}，各特征不同",
}  # fmt: skip
WEIGHTS = {"frequency": "频数权重", "sampling": "抽样权重", "importance": "重要性权重"}
