# Average marginal effects of fits with interactions, powers and splines, by R's model matrices and numDeriv:
# Rscript make_effects.R > effects.json (R 4, MASS, splines, numDeriv)
library(splines)
data(birthwt, package = "MASS")
birthwt$race <- factor(c("white", "black", "other")[birthwt$race], levels = c("white", "black", "other"))

text <- function(x) {
  if (is.list(x)) {
    return(paste0("{", paste0('"', names(x), '": ', vapply(x, text, ""), collapse = ",\n"), "}"))
  }
  if (is.character(x) || is.factor(x)) {
    return(paste0("[", paste0('"', x, '"', collapse = ", "), "]"))
  }
  paste0("[", paste(sprintf("%.14g", x), collapse = ", "), "]")
}

polish <- function(fit) {  # Newton's steps, after which nothing moves
  x <- model.matrix(fit)
  beta <- coef(fit)
  for (i in 1:5) {
    mu <- plogis(drop(x %*% beta))
    beta <- beta + solve(crossprod(x, mu * (1 - mu) * x), crossprod(x, fit$y - mu))[, 1]
  }
  beta
}

effects <- function(formula, moved) {
  fit <- glm(formula, binomial, birthwt, control = list(epsilon = 1e-14))
  beta <- polish(fit)
  terms <- delete.response(terms(fit))
  x_of <- function(data) suppressWarnings(model.matrix(terms, model.frame(terms, data, xlev = fit$xlevels)))
  x <- x_of(birthwt)
  mu <- plogis(drop(x %*% beta))
  covariance <- solve(crossprod(x, mu * (1 - mu) * x))
  slope <- function(name) {
    shifted <- function(t) {
      data <- birthwt
      data[[name]] <- data[[name]] + t
      as.vector(x_of(data))
    }
    dx <- matrix(numDeriv::jacobian(shifted, 0, method.args = list(eps = 1e-3, r = 6)), nrow(x))
    eta <- drop(dx %*% beta)
    first <- mu * (1 - mu)
    second <- first * (1 - 2 * mu)
    list(mean(first * eta), colMeans(second * eta * x + first * dx))
  }
  at <- function(name, value) {
    data <- birthwt
    data[[name]][] <- value
    x <- x_of(data)
    mu <- plogis(drop(x %*% beta))
    list(mean(mu), colMeans(mu * (1 - mu) * x))
  }
  less <- function(one, two) list(one[[1]] - two[[1]], one[[2]] - two[[2]])
  found <- list()
  for (name in moved) {
    if (name == "race") {
      for (level in c("black", "other")) {
        found[[level]] <- less(at(name, level), at(name, "white"))
      }
    } else if (name == "smoke") {
      found[[name]] <- less(at(name, 1), at(name, 0))
    } else {
      found[[name]] <- slope(name)
    }
  }
  list(names = names(found), effect = vapply(found, function(each) each[[1]], 0),
       std_error = vapply(found, function(each) sqrt(drop(each[[2]] %*% covariance %*% each[[2]])), 0))
}

cat(text(list(
  data = lapply(birthwt[c("low", "age", "lwt", "smoke", "race")], unname),
  interaction = effects(low ~ age * smoke + lwt * race, c("age", "smoke", "lwt", "race")),
  powers = effects(low ~ poly(age, 3) + log(lwt) * smoke, c("age", "lwt", "smoke")),
  spline = effects(low ~ bs(age, df = 5) + smoke + race, c("age", "smoke", "race")))), "\n")
