"""The words of a report, in English. Where a sentence has a number of rows, of terms, …, it is given as a value."""

SEPARATOR = ", "
WORDS = {
    # the whole
    "title": "Report on {target}",
    "kind": "{model}, {n} rows",
    "made": "made by torchlogit {version} on {date}",
    "contents": "Contents",
    "picture": "Picture",
    "foot": "This page needs no network and no script, and holds no row of the data.",
    # headings
    "answer": "The answer",
    "doubt": "What to doubt",
    "effects": "In percentage points",
    "performance": "How well it predicts",
    "numbers": "The numbers",
    "checks": "The checks",
    "limits": "Limits of use",
    "origin": "How this was made",
    # the answer
    "clear": "What the data show",
    "open": "What the data leave open",
    "further": "… and {n} more sentences under “The numbers”.",
    "said": "What the model says",
    "goes_with": "what goes with {event}",
    "used_for": "what {event} is predicted from",
    "left_open": "what the data leave open",
    "right_new": "right on rows it had not seen; always naming the most frequent class: {always}",
    "right_seen": "right on the rows that were fitted; always naming the most frequent class: {always}",
    "of_hundred": "{n} of 100",
    # in percentage points
    "points": "Average changes in percentage points",
    "points_how": "By how much the probability of {event} changes where one column does and all others stay, in "
    "percentage points, "
    "averaged over the rows.",
    "points_how_many": "By how much the probability of each class changes where one column does and all others stay, "
    "in percentage "
    "points, averaged over the rows.",
    "no_effects": "Not given: this fit has no standard errors, or too many terms for a table.",
    # what to doubt
    "nothing": "Each of the checks below was made, and none found a fault. Each looks for one fault only: that is no "
    "proof.",
    "not_made": "Not everything could be checked: {names}. The reasons stand below, under “The checks”.",
    "dropped": "{n} of {total} rows had empty cells and were left out ({share}). If those rows differ from the others, the "
    "answer holds for the others only.",
    "identifier": "{name} has {levels} different texts in {n} rows: it looks like a name or a number of the row. Such "
    "a column "
    "tells nothing about new rows; leave it out.",
    "counter": "{name} counts 1, 2, 3, … as the number of a row does. If that is what it is, leave it out.",
    "other_rows": "The model was fitted to other rows than these. The numbers are those of the model file; the checks "
    "and how "
    "well it predicts are from the rows of {data}.",
    "many": "{n} comparisons were tested at {alpha}. Even if nothing went with {target}, about {expected} of them "
    "would look "
    "clear by chance.",
    "offset": "{name} is added to every row as it is (an offset): it is no part of what was learnt.",
    "no_better": "On rows it had not seen, the model ranked no better than chance could: an interval of {low} to "
    "{high} holds 50 of "
    "100.",
    "no_gain": "Always naming the most frequent class is right in {always} of 100 rows, the model in {right}: whether "
    "it does better is "
    "not shown.",
    "no_folds": "Cross-validation was not possible: without some of the rows the model has no certified fit. How well "
    "it predicts was "
    "therefore measured on the very rows that were fitted, where it looks better than it is.",
    "extreme": "Its probabilities are too extreme for new rows: a calibration slope of {slope} (interval {low} to "
    "{high}) says "
    "that they should lie nearer to each other. More rows, fewer terms or a penalty help.",
    # how well it predicts
    "unseen_folds": "Every row was predicted by a model that had not seen it ({folds}-fold cross-validation, seed {seed}).",
    "unseen_rows": "These rows ({data}) were not used for the fit.",
    "seen": "The model was fitted to these very rows, so that it looks better here than it is.",
    "right": "right answers in 100 rows",
    "always": "if always the most frequent class were named",
    "ranked": "of 100 pairs ranked rightly",
    "pair": "A pair is one row of each class; it is ranked rightly where the row of {event} has the higher "
    "probability. Guessing "
    "ranks 50 rightly.",
    "sure": "Where the model is least sure, an answer can be left open: leaving out the {share} of rows whose "
    "probability is nearest "
    "to even, {error} of the others are wrong instead of {whole}.",
    "figure_interval": " ({level} interval {low} to {high})",
    "measures": "All measures",
    "coefficients": "Coefficients",
    "no_performance": "Not computed: the fit is not at a certified optimum.",
    # the numbers
    "how_numbers": "The estimate is what a term adds to the log-odds; the odds ratio, e to this power, is what it "
    "multiplies the "
    "odds by, and the interval is that of the odds ratio.",
    "class_against": "{label} against {base}",
    "class": "{label}",
    "few_rows": "The first {shown} of {rows} lines; the JSON form of this report has all of them.",
    # how this was made
    "data": "data",
    "rows": "rows",
    "rows_used": "{n} used, {dropped} left out (empty cells)",
    "hash_file": "SHA-256 of the file",
    "hash_numbers": "SHA-256 of the numbers",
    "target": "target",
    "classes": "classes",
    "class_count": "{label}: {count}",
    "more_classes": "{n} classes in all",
    "terms": "terms",
    "model": "model",
    "formula": "formula",
    "weights": "weights",
    "weights_kind": "{name} ({kind})",
    "offset_name": "offset",
    "penalty": "penalty",
    "solver": "solver",
    "iterations": "{solver}, {n} iterations",
    "certificate": "certificate",
    "certified": "certified: the loss is within {distance} of the least there is, relatively ({kind})",
    "uncertified": "none: {why}",
    "errors": "standard errors",
    "model_file": "model file",
    "command": "command",
    "date": "date",
    "versions": "versions",
    "likelihood": "log-likelihood",
    "likelihoods": "{full}; {null} without any term",
    "criteria": "AIC, BIC",
    # pictures
    "effects_caption": "By how many percentage points the probability of {event} changes, averaged over the rows",
    "curve_caption": "The probability of {event} by {name}, all other columns held",
    "forest_caption": "How much each term multiplies the odds of {event}: right of 1 more, left of 1 less",
    "roc_caption": "How well the rows are ranked: the nearer to the upper left corner, the better",
    "calibration_caption": "Whether the probabilities come true: they do on the diagonal",
    "confusion_caption": "Which answers were right: rows by what they are and what they were called",
    "risk_caption": "How the errors fall if doubtful rows are left open",
    "each_class": "each class",
}
LIMITS = {
    "cause": "It shows what goes together, not what causes what. Nothing here says what would happen if something "
    "were changed.",
    "rows": "It holds for rows like those it was made from. For other places, times or people it must be tested "
    "first; beyond the "
    "values that occurred it is a guess.",
    "shape": "It takes every number to act in equal steps on the log-odds, and terms to act alike whatever the others "
    "are, unless "
    "the formula says otherwise.",
    "single": "A probability is about many rows alike: of 100 rows with 70 %, about 70 have the outcome. What happens "
    "in one "
    "row it does not tell.",
    "people": "Do not let it decide alone about people. Whether a column may be used for that is a question of law "
    "and fairness that "
    "no number here answers.",
    "absent": "A column that is not there cannot be seen: what it does is laid to those that go with it.",
}
SMALL = "p-values and intervals take the model for granted, and it for chosen before the data were seen."
CHECKS = {  # name: (question, what is said where it is good, where it is bad)
    "optimum": (
        "Was the best fit found?",
        "Yes, and it is certified.",
        "No: the search did not end at a certified optimum. Do not read its numbers as estimates.",
    ),
    "separation": (
        "Does any column split the classes?",
        "No: every estimate is finite.",
        "Yes: the classes are split without overlap, so that some numbers have no finite estimate. A penalty "
        "(--firth) or more rows "
        "help.",
    ),
    "events": (
        "Are there enough rows for so many terms?",
        "Yes: {value} rows of the rarest class for each coefficient; 10 are a usual minimum.",
        "Hardly: {value} rows of the rarest class for each coefficient, where 10 are a usual minimum. Estimates tend "
        "to be too "
        "large, and intervals to mislead.",
    ),
    "collinearity": (
        "Do columns repeat each other?",
        "Not so much that it would matter.",
        "Yes: some columns say much the same, so that their single numbers are uncertain or missing. Judge them "
        "together, or keep one.",
    ),
    "linearity": (
        "Does every number act in equal steps?",
        "No bend was detected.",
        "No: the log-odds bend. What is told for each extra unit is then an average of steeper and flatter stretches.",
    ),
    "influence": (
        "Does a single row decide the result?",
        "No.",
        "Yes: leaving out a single row would change the result. See whether its values are right.",
    ),
    "calibration": (
        "Do the probabilities fit the rows?",
        "No gross fault was found.",
        "Not everywhere: in some groups of rows the outcome happened more or less often than the probabilities say.",
    ),
    "outliers": (
        "Are there too many surprising rows?",
        "No more than the model expects.",
        "Yes: more rows than expected did what the model held for all but impossible. Mistakes in the data, or "
        "something it does not "
        "know.",
    ),
}
NAMES = {
    "optimum": "optimum", "separation": "separation", "events": "rows of the rarest class", "collinearity": "collinearity",
    "linearity": "linearity", "influence": "influence", "calibration": "calibration", "outliers": "outliers",
}  # fmt: skip
STATES = {"good": "in order", "bad": "to look at", "open": "not checked"}
OPEN_CHECK = "This could not be checked."
HEADS = {
    "term": "term",
    "estimate": "estimate",
    "std.\nerror": "standard\nerror",
    "z": "z",
    "p": "p",
    "odds\nratio": "odds\nratio",
    "low": "{level}\nlow",
    "high": "{level}\nhigh",
    "change": "change",
    "class": "class",
    "contrast": "compared",
}
CELLS = {"reference": "reference", "aliased": "aliased", "(Intercept)": "(Intercept)"}
MODELS = {
    "softmax": "Multinomial logistic regression",
    "logistic": "Logistic regression",
    "other": "Binary regression with the {loss} link",
}
PENALTIES = {
    "none": "none (maximum likelihood)",
    "jeffreys": "Jeffreys' prior (Firth's penalty)",
    "l2": "L2 (ridge)",
    "l1": "L1 (lasso)",
    "mixed": "elastic net, {ratio} of it L1",
    "strength": "{kind}, strength {strength}",
    "by_feature": "{kind}, by feature",
}
WEIGHTS = {"frequency": "frequency", "sampling": "sampling", "importance": "importance"}
