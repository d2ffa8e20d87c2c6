# Golden numbers for tests/test_firth.py, from R's brglm2, MASS and glm. Run: Rscript tests/golden/make_firth.R SEX2.csv
# SEX2.csv is logistf's data set sex2 (columns case, age, oc, vic, vicl, vis, dia); logistf itself is not needed.
suppressMessages({library(brglm2); library(MASS)})
options(digits = 17)
controlled <- function(type) brglmControl(epsilon = 1e-12, maxit = 10000, slowit = 0.5, type = type)

number <- function(x) paste0("[", paste(sprintf("%.17g", x), collapse = ", "), "]")
text <- function(x) paste0("[", paste0('"', x, '"', collapse = ", "), "]")
entry <- function(name, value) paste0('"', name, '": ', value)
object <- function(...) paste0("{", paste(c(...), collapse = ",\n  "), "}")
table_of <- function(frame) object(sapply(names(frame), function(n) entry(n, number(frame[[n]]))))

fitted_by <- function(formula, data, link, type, weights = NULL, offset = NULL) {
  data$.w <- if (is.null(weights)) rep(1, nrow(data)) else weights
  data$.o <- if (is.null(offset)) rep(0, nrow(data)) else offset
  environment(formula) <- environment()
  found <- suppressWarnings(glm(formula, family = binomial(link), data = data, weights = .w, offset = .o,
    method = brglmFit, control = controlled(type)))
  stopifnot(found$converged)
  object(entry("coef", number(coef(found))), entry("se", number(sqrt(diag(vcov(found))))),
    entry("deviance", sprintf("%.17g", deviance(found))))
}

endo <- endometrial
links <- c("logit", "probit", "cloglog", "cauchit")  # brglm2 does not find the optimum of endometrial under the last
endometrial_fits <- sapply(links[-4], function(link) entry(link, fitted_by(HG ~ NV + PI + EH, endo, link, "MPL_Jeffreys")))

bwt <- with(birthwt, data.frame(low = low, age = age, lwt = lwt, black = as.numeric(race == 2),
  other = as.numeric(race == 3), smoke = smoke, ptd = as.numeric(ptl > 0), ht = ht, ui = ui))
birth <- low ~ age + lwt + black + other + smoke + ptd + ht + ui
birth_fits <- sapply(links, function(link) entry(link, fitted_by(birth, bwt, link, "MPL_Jeffreys")))

liz <- data.frame(high = as.numeric(lizards$height == ">=5ft"), wide = as.numeric(lizards$diameter == ">2in"),
  shady = as.numeric(lizards$light == "shady"), midday = as.numeric(lizards$time == "midday"),
  late = as.numeric(lizards$time == "late"), grahami = lizards$grahami, opalinus = lizards$opalinus)
lizard <- glm(cbind(grahami, opalinus) ~ high + wide + shady + midday + late, family = binomial, data = liz,
  method = brglmFit, control = controlled("AS_mean"))

alli <- within(alligators, { size <- as.numeric(size == ">2.3") })
alli <- data.frame(food = as.character(alli$foodchoice), size = alli$size, oklawaha = as.numeric(alli$lake == "Oklawaha"),
  trafford = as.numeric(alli$lake == "Trafford"), george = as.numeric(alli$lake == "George"), freq = alli$freq)
alli$food <- factor(alli$food, levels = c("Fish", "Invertebrate", "Reptile", "Bird", "Other"))
multi <- brmultinom(food ~ size + oklawaha + trafford + george, weights = freq, data = alli, ref = 1,
  control = controlled("AS_mean"))
multi_se <- summary(multi)$standard.errors

sex <- read.csv(commandArgs(TRUE)[1])
sexf <- case ~ age + oc + vic + vicl + vis + dia
firth <- glm(sexf, family = binomial, data = sex, method = brglmFit, control = controlled("AS_mean"))
x <- model.matrix(sexf, sex)
tight <- glm.control(epsilon = 1e-15, maxit = 100)
shift <- drop(x[, -1] %*% coef(firth)[-1])
flic <- glm(sex$case ~ 1, offset = shift, family = binomial, control = tight)
h <- hatvalues(firth)
pseudo <- data.frame(rbind(sex, sex, transform(sex, case = 1 - case)), pseudo = rep(c(0, 1, 1), each = nrow(sex)),
  h = c(rep(1, nrow(sex)), h / 2, h / 2))
flac <- suppressWarnings(glm(update(sexf, . ~ . + pseudo), family = binomial, data = pseudo, weights = h, control = tight))

set.seed(1)
w <- round(runif(nrow(bwt), 1, 4)); o <- round(rnorm(nrow(bwt)), 3)
weighted <- fitted_by(birth, bwt, "logit", "MPL_Jeffreys", w, o)

cat(object(
  entry("endometrial", object(entry("rows", table_of(endo)), entry("fits", object(endometrial_fits)))),
  entry("birthwt", object(entry("rows", table_of(bwt)), entry("fits", object(birth_fits)), entry("weight", number(w)),
    entry("offset", number(o)), entry("weighted", weighted))),
  entry("lizards", object(entry("rows", table_of(liz)), entry("coef", number(coef(lizard))),
    entry("se", number(sqrt(diag(vcov(lizard))))))),
  entry("alligators", object(entry("food", text(as.character(alli$food))), entry("rows", table_of(alli[-1])),
    entry("classes", text(rownames(coef(multi)))), entry("coef", number(t(coef(multi)))),
    entry("se", number(t(multi_se))))),
  entry("sex2", object(entry("rows", table_of(sex)), entry("firth", number(coef(firth))), entry("flic", number(coef(flic))),
    entry("flac", number(coef(flac)[1:7]))))
), "\n", file = "tests/golden/firth.json", sep = "")
