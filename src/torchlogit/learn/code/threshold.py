import torchlogit
from torchlogit import datasets

students = datasets.study_hours()
fit = torchlogit.fit(students, "passed")
names = {0.0: "fails", 1.0: "passes"}
rows = {"hours": [1.0, 2.5, 2.75, 3.0, 4.0]}
p = fit.predict_proba(rows)[:, 1]
answers = fit.decide(rows, uncertain=(0.4, 0.6))
for hour, chance, said in zip(rows["hours"], p, answers, strict=True):
    print(f"{hour:4} h   P(pass) {chance:.3f}   {names.get(said, said)}")
print("a false yes costs 3, a false no 1: yes from", 3 / (3 + 1))
