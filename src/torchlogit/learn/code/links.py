import torchlogit
from torchlogit import datasets

students = datasets.study_hours()
links = ["logit", "probit", "hyperbolic_secant", "student_t2", "cauchit", "softsign", "cloglog", "loglog"]
fits = {link: torchlogit.fit(students, "passed", link=link) for link in links}
for link in sorted(links, key=lambda link: -fits[link].log_likelihood):
    at_four = fits[link].predict_proba({"hours": [4.0]})[0, 1]
    print(f"{link:18} log-likelihood {fits[link].log_likelihood:.3f}   P(pass at 4 h) {at_four:.3f}")
