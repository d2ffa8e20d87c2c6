# Writes tests/golden/random_glm.json: 200 random problems with R's glm coefficients, errors, log-likelihoods and LR tests.
# Rscript tests/golden/make_random_glm.R
# glm's Fisher scoring stops where the deviance no longer changes, which for links that are not canonical leaves eight digits of
# the coefficients; a few Newton steps with the observed information then give the others.
# Numbers of x are multiples of 1/32, so that JSON, R and float64 mean the same. Problems that are nearly separated, or
# where two starts of glm disagree, are drawn again.
source("tests/golden/json.R")
set.seed(20)
control <- glm.control(epsilon = 1e-15, maxit = 200)
LINKS <- c("logit", "logit", "logit", "probit", "cloglog", "cauchit")
LEVELS <- c("north", "south", "east")

draw <- function() {
  n <- sample(c(25, 40, 60, 90), 1); d <- sample(1:4, 1)
  scale <- sample(c(1, 1, 1, 64, 1 / 1024), d, TRUE); shift <- sample(c(0, 0, 3, 100), d, TRUE)
  z <- matrix(rnorm(n * d), n)
  x <- sapply(seq_len(d), function(j) round((z[, j] + shift[j]) * 32) / 32 * scale[j])
  colnames(x) <- paste0("x", seq_len(d))
  region <- if (runif(1) < 0.4) sample(LEVELS, n, TRUE)
  offset <- if (runif(1) < 0.3) round(rnorm(n, 0, 0.5) * 32) / 32
  weight <- if (runif(1) < 0.4) sample(list(0:3, 1:2, c(0.5, 1, 2.25)), 1)[[1]]
  if (!is.null(weight)) weight <- sample(weight, n, TRUE)
  eta <- runif(1, -1, 0.5) + z %*% rnorm(d, 0, 0.7) + if (is.null(region)) 0 else 0.6 * (region == "south")
  if (!is.null(offset)) eta <- eta + offset
  list(x = x, region = region, offset = offset, weight = weight, y = as.integer(runif(n) < plogis(eta)),
       link = sample(LINKS, 1), intercept = runif(1) < 0.85)
}

fitted_to <- function(X, p, start = NULL) suppressWarnings(glm.fit(X, p$y, if (is.null(p$weight)) rep(1, length(p$y)) else p$weight,
  offset = p$offset, family = quasibinomial(p$link), control = control, start = start))

# Second derivative of the mean, for the observed information of links that are not canonical
bend <- function(link, eta, slope) switch(link, logit = slope * (1 - 2 * plogis(eta)), probit = -eta * slope,
  cloglog = slope * (1 - exp(eta)), cauchit = -2 * eta / (1 + eta^2) * slope)

information <- function(X, p, fit, observed) {
  eta <- fit$linear.predictors; mu <- fit$fitted.values; w <- if (is.null(p$weight)) 1 else p$weight
  slope <- quasibinomial(p$link)$mu.eta(eta); v <- mu * (1 - mu)
  curve <- slope^2 / v
  if (observed) curve <- curve - (p$y - mu) * (bend(p$link, eta, slope) * v - slope^2 * (1 - 2 * mu)) / v^2
  crossprod(X, X * as.vector(w * curve))
}

polished <- function(X, p, fit) {
  family <- quasibinomial(p$link); w <- if (is.null(p$weight)) 1 else p$weight
  for (i in 1:4) {
    eta <- fit$linear.predictors; mu <- fit$fitted.values
    step <- solve(information(X, p, fit, TRUE), crossprod(X, w * (p$y - mu) * family$mu.eta(eta) / (mu * (1 - mu))))
    fit$coefficients <- fit$coefficients + as.vector(step)
    fit$linear.predictors <- eta + as.vector(X %*% step)
    fit$fitted.values <- family$linkinv(fit$linear.predictors)
  }
  fit
}

# Deviance without any column: the offset alone
nothing <- function(p, w) {
  mu <- quasibinomial(p$link)$linkinv(if (is.null(p$offset)) rep(0, length(p$y)) else p$offset)
  -2 * sum(w * ifelse(p$y == 1, log(mu), log1p(-mu)))
}

solved <- function(p) {
  frame <- as.data.frame(p$x)
  if (!is.null(p$region)) frame$region <- factor(p$region, sort(LEVELS))
  X <- model.matrix(if (p$intercept) ~ . else ~ 0 + ., frame)
  if (!p$intercept && !is.null(p$region)) return(NULL)
  w <- if (is.null(p$weight)) rep(1, length(p$y)) else p$weight
  if (length(unique(p$y[w > 0])) < 2 || qr(X[w > 0, , drop = FALSE])$rank < ncol(X) || any(table(p$y[w > 0]) < 8)) return(NULL)
  fit <- tryCatch(fitted_to(X, p), error = function(e) NULL)
  if (is.null(fit) || !fit$converged || max(abs(fit$linear.predictors)) > 9) return(NULL)
  again <- tryCatch(fitted_to(X, p, fit$coefficients * 0.5), error = function(e) NULL)
  if (is.null(again) || abs(again$deviance - fit$deviance) > 1e-9) return(NULL)
  I <- information(X, p, fit, TRUE)
  if (any(eigen(cov2cor(I))$values <= 0)) return(NULL)
  moved <- polished(X, p, fit)
  if (max(abs(moved$linear.predictors - fit$linear.predictors)) > 1e-4) return(NULL)
  fit <- moved
  cols <- attr(X, "assign"); terms <- setdiff(unique(cols), 0)
  lr <- vapply(terms, function(t) { left <- X[, cols != t, drop = FALSE]
    if (!ncol(left)) nothing(p, w) else fitted_to(left, p)$deviance }, 0) - fit$deviance
  if (any(lr < 0) || any(lr > 60)) return(NULL) # glm diverged
  I <- information(X, p, fit, TRUE)
  if (rcond(cov2cor(solve(information(X, p, fit, FALSE)))) < 1e-6 || max(diag(solve(I)) * apply(X, 2, var)) > 25) return(NULL)
  names(lr) <- names(frame)[terms]
  out <- list(link = p$link, intercept = p$intercept, x = as.list(as.data.frame(p$x)), y = p$y,
    coefficients = unname(fit$coefficients), std_error = unname(sqrt(diag(solve(information(X, p, fit, FALSE))))),
    observed = unname(sqrt(diag(solve(I)))), log_likelihood = -fit$deviance / 2,
    lr = as.list(lr), p = as.list(pchisq(lr, as.vector(table(cols)[as.character(terms)]), lower.tail = FALSE)))
  if (length(out$coefficients) == 1) for (name in c("coefficients", "std_error", "observed")) out[[name]] <- I(out[[name]])
  names(out$p) <- names(lr)
  for (name in c("region", "weight", "offset")) if (!is.null(p[[name]])) out[[name]] <- p[[name]]
  out
}

problems <- list()
while (length(problems) < 200) {
  one <- solved(draw())
  if (!is.null(one)) problems[[length(problems) + 1]] <- one
}
writeLines(to_json(problems), "tests/golden/random_glm.json")
