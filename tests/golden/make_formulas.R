# Fits of R's glm by formula: birth weights (MASS::birthwt) and, as counts, oesophageal cancer (datasets::esoph).
# Rscript tests/golden/make_formulas.R > tests/golden/formulas.json
library(MASS)
library(splines)

num <- function(x) paste0("[", paste(ifelse(is.na(x), "null", sprintf("%.17g", as.numeric(x))), collapse = ", "), "]")
txt <- function(x) paste0("[", paste(sprintf("\"%s\"", x), collapse = ", "), "]")
obj <- function(...) {
  parts <- list(...)
  paste0("{", paste(sprintf("\"%s\": %s", names(parts), unlist(parts)), collapse = ",\n"), "}")
}
tight <- glm.control(epsilon = 1e-15, maxit = 100)

births <- birthwt[, c("low", "age", "lwt", "race", "smoke")]
births$race <- factor(c("white", "black", "other")[births$race])
new <- data.frame(age = c(14, 45, 22.5), lwt = c(80, 250, 121), race = factor(c("other", "white", "black")), smoke = c(1, 0, 1))
b <- births
b$race <- relevel(b$race, "other")
models <- list(
  "low ~ poly(age, 3) + race" = glm(low ~ poly(age, 3) + race, binomial, births, control = tight),
  "low ~ poly(lwt, 2, raw=True) + smoke" = glm(low ~ poly(lwt, 2, raw = TRUE) + smoke, binomial, births, control = tight),
  "low ~ bs(age, df=4, extrapolation='extend') + smoke" = glm(low ~ bs(age, df = 4) + smoke, binomial, births, control = tight),
  "low ~ bs(lwt, knots=[110, 150], degree=2, extrapolation='extend') * smoke" =
    glm(low ~ bs(lwt, knots = c(110, 150), degree = 2) * smoke, binomial, births, control = tight),
  "low ~ ns(lwt, df=3) * smoke" = glm(low ~ ns(lwt, df = 3) * smoke, binomial, births, control = tight),
  "low ~ ns(age, knots=[20, 30]) + race" = glm(low ~ ns(age, knots = c(20, 30)) + race, binomial, births, control = tight),
  "low ~ C(race, Treatment('other')) * lwt" = glm(low ~ race * lwt, binomial, b, control = tight),
  "low ~ C(race, Sum) * smoke" =
    glm(low ~ race * smoke, binomial, births, contrasts = list(race = "contr.sum"), control = tight),
  "low ~ C(race, Helmert) + lwt" =
    glm(low ~ race + lwt, binomial, births, contrasts = list(race = "contr.helmert"), control = tight),
  "low ~ C(race, Poly) + lwt" = glm(low ~ race + lwt, binomial, births, contrasts = list(race = "contr.poly"), control = tight),
  "low ~ age:race" = glm(low ~ age:race, binomial, births, control = tight),
  "low ~ race/age - 1" = glm(low ~ race / age - 1, binomial, births, control = tight),
  "low ~ scale(lwt) + log(age) + I((lwt - 100)**2) + I(age > 30)" =
    glm(low ~ scale(lwt) + log(age) + I((lwt - 100)^2) + I(age > 30), binomial, births, control = tight),
  "low ~ (age + lwt + smoke)**2" = glm(low ~ (age + lwt + smoke)^2, binomial, births, control = tight)
)
fits <- sapply(names(models), function(name) {
  m <- models[[name]]
  s <- summary(m)$coefficients
  obj(
    formula = sprintf("\"%s\"", name), coef = num(s[, 1]), std_error = num(s[, 2]), log_likelihood = num(logLik(m)),
    predicted = num(suppressWarnings(predict(m, new, type = "response")))
  )
})

e <- esoph
e <- e[e$ncases + e$ncontrols > 0, ]
counted <- glm(cbind(ncases, ncontrols) ~ agegp + alcgp + tobgp, binomial, e, control = tight)
s <- summary(counted)$coefficients
counts <- obj(
  agegp = txt(e$agegp), alcgp = txt(e$alcgp), tobgp = txt(e$tobgp), ncases = num(e$ncases), ncontrols = num(e$ncontrols),
  agegp_levels = txt(levels(e$agegp)), alcgp_levels = txt(levels(e$alcgp)), tobgp_levels = txt(levels(e$tobgp)),
  coef = num(s[, 1]), std_error = num(s[, 2]), log_likelihood = num(logLik(counted)), deviance = num(deviance(counted)),
  df = num(df.residual(counted)), aic = num(AIC(counted)), bic = num(BIC(counted)), fitted = num(fitted(counted)),
  pearson = num(residuals(counted, "pearson")), deviance_residuals = num(residuals(counted, "deviance"))
)
columns <- obj(
  low = num(births$low), age = num(births$age), lwt = num(births$lwt), race = txt(births$race), smoke = num(births$smoke)
)
newer <- obj(age = num(new$age), lwt = num(new$lwt), race = txt(new$race), smoke = num(new$smoke))
cat(obj(births = columns, new = newer, fits = paste0("[", paste(fits, collapse = ",\n"), "]"), esoph = counts), "\n")
