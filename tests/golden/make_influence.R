# Residuals and influence of binomial fits by R: Rscript make_influence.R > influence.json (R 4, MASS)
# Every fourth row is kept.
data(birthwt, package = "MASS")
birthwt$times <- 1 + (seq_len(nrow(birthwt)) %% 3)
birthwt$shift <- round(sin(seq_len(nrow(birthwt))), 3)
some <- seq(1, nrow(birthwt), 4)

text <- function(x) {
  if (is.list(x)) {
    return(paste0("{", paste0('"', names(x), '": ', vapply(x, text, ""), collapse = ",\n"), "}"))
  }
  if (is.matrix(x)) {
    return(paste0("[", paste(apply(x, 1, text), collapse = ",\n"), "]"))
  }
  if (is.character(x)) {
    return(paste0('"', x, '"'))
  }
  paste0("[", paste(sprintf("%.14g", x), collapse = ", "), "]")
}

model <- function(link, prior = rep(1, nrow(birthwt)), known = rep(0, nrow(birthwt))) {
  fit <- glm(low ~ age + lwt + smoke + ht, binomial(link), birthwt, prior, offset = known, control = list(epsilon = 1e-300, maxit = 200)) |> suppressWarnings()
  found <- influence(fit)
  kinds <- c("deviance", "pearson", "response", "working")
  residual <- lapply(setNames(kinds, kinds), function(kind) unname(residuals(fit, kind))[some])
  c(list(link = link, coef = unname(coef(fit))), residual, list(
    leverage = unname(found$hat)[some],
    standardised_deviance = unname(rstandard(fit))[some],
    standardised_pearson = unname(rstandard(fit, type = "pearson"))[some],
    studentised = unname(rstudent(fit))[some],
    cooks_distance = unname(cooks.distance(fit))[some],
    sigma = unname(found$sigma)[some],
    dffits = unname(dffits(fit))[some],
    dfbeta = unname(dfbeta(fit))[some, ]))
}

cat(text(list(
  data = lapply(birthwt[c("low", "age", "lwt", "smoke", "ht", "times", "shift")], unname),
  some = some - 1,
  logit = model("logit"),
  probit = model("probit"),
  cloglog = model("cloglog"),
  cauchit = model("cauchit"),
  weighted = model("logit", birthwt$times, birthwt$shift))), "\n")
