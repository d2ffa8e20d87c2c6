import torchlogit
from torchlogit import LogisticRegression, datasets

students = datasets.study_hours()
print(torchlogit.compare_links(students, "passed"))

model = LogisticRegression(link="arctan", C=float("inf"))
model.fit(students["hours"][:, None], students["passed"])
print("arctan, P(pass at 10 h):", round(model.predict_proba([[10.0]])[0, 1], 3))
