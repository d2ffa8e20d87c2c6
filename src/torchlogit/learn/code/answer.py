import torchlogit
from torchlogit import datasets

fit = torchlogit.fit(datasets.study_hours(), "passed")
rows = {"hours": [1.0, 2.0, 2.75, 3.0, 4.0]}
p = fit.predict_proba(rows)[:, 1]
answers = fit.decide(rows, uncertain=(0.4, 0.6))
names = {0.0: "fails", 1.0: "passes"}
for hours, chance, answer in zip(rows["hours"], p, answers, strict=True):
    print(f"{hours:4} h   P(pass) {chance:.3f}   {names.get(answer, answer)}")
