# Calibration of a model fitted to one half of MASS::birthwt on the other half, by glm and, where it is installed, rms::val.prob:
# Rscript make_calibration.R > calibration.json (R 4, MASS)
data(birthwt, package = "MASS")
half <- seq_len(nrow(birthwt)) %% 2 == 1
formula <- low ~ age + lwt + smoke + ht + ui
fit <- glm(formula, binomial, birthwt[half, ], control = list(epsilon = 1e-14))
p <- unname(predict(fit, birthwt[!half, ], type = "response"))
y <- birthwt$low[!half]
line <- glm(y ~ qlogis(p), binomial, control = list(epsilon = 1e-14))
one <- glm(y ~ 1, binomial, offset = qlogis(p), control = list(epsilon = 1e-14))
given <- sum(dbinom(y, 1, p, log = TRUE))
cox <- 2 * (as.numeric(logLik(line)) - given)
z <- sum((y - p) * (1 - 2 * p)) / sqrt(sum((1 - 2 * p)^2 * p * (1 - p)))
iso <- isoreg(p, y)
pooled <- numeric(length(p))
pooled[if (is.null(iso$ord)) seq_along(p) else iso$ord] <- iso$yf
brier <- mean((p - y)^2)
text <- function(x) {
  if (is.list(x)) {
    return(paste0("{", paste0('"', names(x), '": ', vapply(x, text, ""), collapse = ",\n"), "}"))
  }
  paste0("[", paste(sprintf("%.15g", x), collapse = ", "), "]")
}
s <- coef(summary(line))
measures <- list(
  intercept = coef(one)[[1]], slope = coef(line)[[2]], cox = cox, spiegelhalter = z, brier = brier,
  miscalibration = brier - mean((pooled - y)^2)
)
log_p <- list(
  intercept = log(2) + pnorm(-abs(coef(summary(one))[1, 3]), log.p = TRUE),
  slope = log(2) + pnorm(-abs((s[2, 1] - 1) / s[2, 2]), log.p = TRUE),
  cox = pchisq(cox, 2, lower.tail = FALSE, log.p = TRUE),
  spiegelhalter = log(2) + pnorm(-abs(z), log.p = TRUE)
)
found <- list(p = p, y = y, measures = measures, log_p = log_p)
if (requireNamespace("rms", quietly = TRUE)) {
  v <- rms::val.prob(p, y, pl = FALSE)
  found$val_prob <- list(slope = v[["Slope"]], brier = v[["Brier"]], spiegelhalter = v[["S:z"]], spiegelhalter_p = v[["S:p"]])
}
cat(text(found), "\n")
