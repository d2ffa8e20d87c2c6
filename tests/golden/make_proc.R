# Areas under ROC curves with DeLong's intervals, by pROC: for tests/test_auc.py. Rscript tests/golden/make_proc.R
suppressMessages(library(pROC))
source("tests/golden/json.R")
data(aSAH)
data(birthwt, package = "MASS")
low <- glm(low ~ age + lwt + smoke + ht, binomial, birthwt, control = glm.control(epsilon = 1e-14))
set.seed(1)
n <- 300
y <- rbinom(n, 1, 0.2)
cases <- list(
  s100b = list(as.integer(aSAH$outcome == "Poor"), aSAH$s100b / 3),
  ndka = list(as.integer(aSAH$outcome == "Poor"), aSAH$ndka / 500),
  wfns = list(as.integer(aSAH$outcome == "Poor"), as.integer(aSAH$wfns) / 6),
  birthwt = list(birthwt$low, unname(fitted(low))),
  normal = list(y, plogis(rnorm(n) + 2 * y)),
  tied = list(y, round(plogis(rnorm(n) + y), 1) * 0.9 + 0.05))
one <- function(case) {
  r <- roc(case[[1]], case[[2]], levels = c(0, 1), direction = "<", quiet = TRUE)
  ends <- as.numeric(ci.auc(r, method = "delong"))
  list(y = I(case[[1]]), p = I(case[[2]]), auc = as.numeric(r$auc), low = ends[1], high = ends[3],
       variance = var(r, method = "delong"))
}
writeLines(to_json(lapply(cases, one)), "tests/golden/proc.json")
