# Writes tests/golden/broom.json: what broom's tidy, glance and augment take from R's glm, on MASS's birthwt.
# Rscript tests/golden/make_broom.R   (MASS for the data)
suppressMessages(library(MASS))
source("tests/golden/json.R")
bw <- birthwt; bw$race <- factor(bw$race)
fit <- glm(low ~ age + lwt + race + smoke + ptl + ht + ui, binomial, bw, control = glm.control(epsilon = 1e-15, maxit = 100))
table <- summary(fit)$coefficients
out <- list(
  tidy = list(estimate = I(unname(table[, 1])), std_error = I(unname(table[, 2])), statistic = I(unname(table[, 3])),
              p_value = I(unname(table[, 4]))),
  glance = list(null_deviance = fit$null.deviance, df_null = fit$df.null, log_lik = as.numeric(logLik(fit)), aic = AIC(fit),
                bic = BIC(fit), deviance = deviance(fit), df_residual = df.residual(fit), nobs = nobs(fit)),
  augment = list(.fitted = I(unname(predict(fit))), .resid = I(unname(residuals(fit))), .hat = I(unname(hatvalues(fit))),
                 .sigma = I(unname(influence(fit)$sigma)), .cooksd = I(unname(cooks.distance(fit))),
                 .std_resid = I(unname(rstandard(fit)))))
writeLines(to_json(out), "tests/golden/broom.json")
