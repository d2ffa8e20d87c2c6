# Golden numbers of R for tests/test_covariance.py: sandwich's covariances of glm, tests of terms, measures of fit.
# Rscript tests/golden/make_covariance.R > tests/golden/covariance.json
suppressMessages({library(MASS); library(sandwich); library(lmtest)})
options(digits = 17)

number <- function(x) paste0("[", paste(format(unname(x), digits = 16, trim = TRUE), collapse = ", "), "]")
object <- function(parts) paste0("{", paste0('"', names(parts), '": ', unlist(parts), collapse = ",\n  "), "}")
errors <- function(v) number(sqrt(diag(v)))

bwt <- birthwt
bwt$race <- factor(bwt$race)
i <- seq_len(nrow(bwt))
a <- i %% 31
formula <- low ~ age + lwt + race + smoke + ptl + ht + ui

of_link <- function(link) {
  m <- glm(formula, binomial(link), bwt, control = glm.control(epsilon = 1e-15, maxit = 200))
  parts <- list(model = errors(vcov(m)))
  for (kind in c("HC0", "HC1", "HC2", "HC3")) parts[[kind]] <- errors(vcovHC(m, kind))
  parts$cluster_HC0 <- errors(vcovCL(m, a, type = "HC0", cadjust = FALSE))
  parts$cluster_linearised <- errors(vcovCL(m, a, type = "HC0"))
  parts$cluster_HC1 <- errors(vcovCL(m, a, type = "HC1"))
  few <- update(m, low ~ lwt + smoke)
  parts$two_way_HC1 <- errors(vcovCL(few, data.frame(a = i %/% 6, b = i %% 37), type = "HC1"))
  parts
}

logit <- glm(formula, binomial, bwt, control = glm.control(epsilon = 1e-15, maxit = 200))
lr <- drop1(logit, test = "LRT")
rao <- drop1(logit, test = "Rao")
wald <- sapply(list(2, 3, 4:5, 6, 7, 8, 9), function(s) drop(coef(logit)[s] %*% solve(vcov(logit)[s, s], coef(logit)[s])))
robust <- waldtest(logit, . ~ . - race - ui, vcov = vcovHC(logit, "HC1"), test = "Chisq")
small <- update(logit, . ~ . - race - ui)
probit <- glm(formula, binomial("probit"), bwt, control = glm.control(epsilon = 1e-15, maxit = 200))
few <- update(probit, . ~ . - race - ui)
measures <- c(deviance(logit), logit$null.deviance, AIC(logit), BIC(logit), sum(residuals(logit, "pearson")^2))
tjur <- diff(tapply(fitted(logit), bwt$low, mean))

cat(object(list(
  logit = object(of_link("logit")),
  probit = object(of_link("probit")),
  cauchit = object(of_link("cauchit")),
  tests = object(list(
    lr = number(lr[["LRT"]][-1]), lr_p = number(lr[["Pr(>Chi)"]][-1]),
    score = number(rao[["Rao score"]][-1]), score_p = number(rao[["Pr(>Chi)"]][-1]), wald = number(wald),
    joint_wald_HC1 = number(c(robust$Chisq[2], robust[["Pr(>Chisq)"]][2])),
    joint_lr = number(anova(small, logit, test = "LRT")$Deviance[2]),
    joint_score = number(anova(small, logit, test = "Rao")$Rao[2]),
    probit_score = number(anova(few, probit, test = "Rao")$Rao[2])
  )),
  quality = number(c(measures, tjur))
)), "\n")
