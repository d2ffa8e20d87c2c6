# Writes tests/golden/profile.json: profile-likelihood intervals and likelihood-ratio tests, by root finding on R's glm.
# Rscript tests/golden/make_profile.R   (MASS, brglm2 for the data)
# MASS's confint interpolates a spline between profiled points; its numbers are kept beside the solved ones.
suppressMessages(library(MASS))
source("tests/golden/json.R")
control <- glm.control(epsilon = 1e-15, maxit = 200)

# glm.fit diverges from some starts: the better of two
deviance_of <- function(X, y, w, o, family, start) min(vapply(list(NULL, start), function(from) suppressWarnings(
  tryCatch(glm.fit(X, y, weights = w, offset = o, family = family, control = control, start = from)$deviance,
           error = function(e) Inf)), 0))

profiled <- function(X, y, w = rep(1, length(y)), o = rep(0, length(y)), family = binomial(), level = 0.95) {
  fit <- suppressWarnings(glm.fit(X, y, weights = w, offset = o, family = family, control = control))
  se <- sqrt(diag(chol2inv(fit$qr$qr[seq_len(ncol(X)), seq_len(ncol(X)), drop = FALSE])))
  q <- qchisq(level, 1)
  rows <- lapply(seq_len(ncol(X)), function(j) {
    loss <- function(b) deviance_of(X[, -j, drop = FALSE], y, w, o + b * X[, j], family, fit$coefficients[-j]) - fit$deviance
    end <- function(sign) {
      b <- fit$coefficients[j]; step <- min(se[j], 0.3 * (1 + abs(b)))
      outer <- b + 2 * sign * step
      for (i in 1:12) { if (loss(outer) > q) break; outer <- outer + 2^i * sign * step }
      if (loss(outer) <= q) return(sign * 1e999)
      if (loss(unname(b)) > q || !is.finite(loss(outer))) stop(paste(colnames(X)[j], sign, b, outer, loss(b), loss(outer)))
      uniroot(function(b) loss(b) - q, sort(c(unname(b), unname(outer))), tol = 1e-13, maxiter = 1000)$root
    }
    list(estimate = unname(fit$coefficients[j]), std_error = se[j], low = end(-1), high = end(1), statistic = loss(0))
  })
  names(rows) <- colnames(X)
  rows
}

as_case <- function(X, y, rows, ...) list(x = unname(as.list(as.data.frame(X[, colnames(X) != "(Intercept)", drop = FALSE]))),
  columns = setdiff(colnames(X), "(Intercept)"), y = y, intercept = "(Intercept)" %in% colnames(X), rows = rows, ...)

bw <- birthwt; bw$race <- factor(bw$race)
f <- low ~ age + lwt + race + smoke + ptl + ht + ui
X <- model.matrix(f, bw)
out <- list()
for (link in c("logit", "probit", "cloglog", "cauchit"))
  out[[paste0("birthwt ", link)]] <- as_case(X, bw$low, profiled(X, bw$low, family = binomial(link)), link = link)
spline <- suppressMessages(confint(glm(f, binomial, bw)))
out[["birthwt logit"]]$spline <- list(low = unname(spline[, 1]), high = unname(spline[, 2]))
out[["birthwt 90 %"]] <- as_case(X, bw$low, profiled(X, bw$low, level = 0.9), link = "logit", level = 0.9)
w <- rep(c(1, 2, 0.5), 63); o <- round(sin(seq_len(189)), 3)
out[["weights and offset"]] <- as_case(X, bw$low, profiled(X, bw$low, w, o, quasibinomial()), link = "logit", weight = w, offset = o)
Z <- X[, -1]
out[["no intercept"]] <- as_case(Z, bw$low, profiled(Z, bw$low), link = "logit")
data("endometrial", package = "brglm2")
E <- model.matrix(HG ~ NV + PI + EH, endometrial)
rows <- profiled(E, endometrial$HG)
rows$NV$high <- "Inf"; rows$NV$estimate <- "Inf"
out[["endometrial"]] <- as_case(E, endometrial$HG, rows, link = "logit")
writeLines(to_json(out), "tests/golden/profile.json")
