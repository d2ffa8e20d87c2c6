"""The sentences of an explanation, in English."""

NAME = "English"
LANG = "en"
PERCENT = " %"
SEPARATOR = ", "
MORE = "{names}, … ({count} in all)"
WORDS = {
    # what is told of the whole
    "title": "What the fit says about {target}",
    "rows": "{n} rows were used; {share} of them ({events}) have {event}.",
    "rows_counted": "{n} rows were used; {share} of what they count ({events} of {total}) have {event}.",
    "rows_trials": "{n} rows were used; {events} of the {total} trials that they count ({share}) are successes.",
    "classes": "{n} rows of {count} classes were used.",
    "compared": "Each class is compared with {base}.",
    "dropped": "{n} rows with missing cells were left out.",
    "whole": "All terms together describe {target} better than none would (likelihood-ratio test, {p}).",
    "whole_no": "The data do not show that the terms together describe {target} better than none would (likelihood-ratio "
    "test, {p}).",
    "held": "Each sentence below compares rows that differ in one term and are alike in all others.",
    "mean": "Each sentence below compares two probabilities, all other columns about their means; the link {link} has no odds "
    "ratios.",
    # what is compared
    "number": "each extra {step} of {name}",
    "flag": "{name} = 1 rather than 0",
    "level": "{name} = {level} rather than {reference}",
    "where": "{subject} where {held}",
    "held_at": "{name} = {value}",
    "and": " and ",
    "unit": "unit",
    "units": "{step} units",
    "event": "{target} = {label}",
    "success": "success in {target}",
    "failure": "failure in {target}",
    "event_against": "{target} = {label} rather than {base}",
    # what is said of it
    "times": "{subject} multiplies the odds of {event} by {ratio}{evidence}.",
    "higher": "{subject} raises the odds of {event} by {percent}: it multiplies them by {ratio}{evidence}.",
    "lower": "{subject} lowers the odds of {event} by {percent}: it multiplies them by {ratio}{evidence}.",
    "unknown": "The data do not tell whether {subject} raises or lowers the odds of {event}: the estimate multiplies them by "
    "{ratio}{evidence}, and the interval holds both directions.",
    "changes": "{second} multiplies the odds ratio of {event} for {subject} by {ratio}{evidence}.",
    "changes_unknown": "The data do not tell whether {second} raises or lowers the odds ratio of {event} for {subject}: the "
    "estimate multiplies it by {ratio}{evidence}, and the interval holds both directions.",
    "points_higher": "{subject} goes with a probability of {event} that is higher by {points} percentage points, {to} instead "
    "of {start}{evidence}.",
    "points_lower": "{subject} goes with a probability of {event} that is lower by {points} percentage points, {to} instead "
    "of {start}{evidence}.",
    "points_unknown": "The data do not tell whether {subject} goes with a higher or a lower probability of {event}: the "
    "estimate is {to} instead of {start}{evidence}, and either direction fits.",
    "none": "{subject} changes nothing in the odds of {event}: the estimate is 0.",
    "evidence": " ({level} interval {low} to {high}, {p})",
    "evidence_p": " ({p})",
    "unbounded": "no limit",
    "missing": "not found",
    # what no number tells
    "split": "The classes are split {how} by {names}: rows on one side all have one class, so that no finite "
    "maximum-likelihood estimate exists. More rows may overlap; Firth's penalty "
    "(torchlogit.Jeffreys) or a ridge (torchlogit.L2) gives finite estimates.",
    "at_least": "The data set no upper limit to it: {subject} multiplies the odds of {event} by {ratio} or more{evidence}.",
    "at_most": "The data set no lower limit to it: {subject} multiplies the odds of {event} by {ratio} or less{evidence}.",
    "perfectly": "perfectly",
    "in part": "in part",
    "aliased": "{name} repeats other columns, so it has no number of its own.",
    "curve": "{name} has several coefficients that mean something only together{tested}; look at fit.effects() or a picture.",
    "shared": "{name} occurs in more than one term, so what it goes with depends on the others{tested}; look at fit.effects() or "
    "a picture.",
    "tested": " (Wald's test of this term, the others staying: {p})",
    "half": "At {name} = {value} both outcomes are equally probable.",
    "half_outside": "The outcomes would be equally probable at {name} = {value}, which lies outside the data ({low} to {high}).",
    "uncertified": "The fit is not at a certified optimum ({why}), so its numbers are not explained.",
    "more": "So much for the first terms; the table has the {n} comparisons that are left.",
    "empty": "The model has no terms beside its intercept: it gives every row the same probability.",
    # how to take it
    "penalised": "A penalty has drawn the numbers towards no association, the more the stronger it is; they have no intervals "
    "and no p-values, and say how the model predicts rather than how large an association is.",
    "firth": "Firth's penalty has taken the first-order bias out of the estimates.",
    "no_errors": "No intervals and no p-values are given: {why}.",
    "profile": "Intervals and p-values are from the likelihood itself (profile intervals, likelihood-ratio tests).",
    "profile_penalised": "Intervals and p-values are from the penalised likelihood (profile intervals, likelihood-ratio tests).",
    "wald": "Intervals and p-values are Wald's; standard errors: {kind}.",
    "odds": "Odds are the probability of an outcome over that of the other: odds of 3 are 3 to 1, a probability of 75 %.",
    "association": "These are associations among the rows that were observed. They do not say what would happen if something "
    "were changed.",
}  # fmt: skip


def spoken(reason: str) -> str:
    """A reason or a kind of errors as it stands in a sentence: as it is."""
    return reason
