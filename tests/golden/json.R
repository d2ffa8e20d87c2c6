# to_json(x): lists with names as objects, other lists and vectors of several as arrays, 17 digits; Inf and NaN as text.
to_json <- function(x) {
  if (is.list(x)) {
    inside <- vapply(x, to_json, "")
    if (is.null(names(x))) return(paste0("[", paste(inside, collapse = ", "), "]"))
    return(paste0("{", paste0(to_text(names(x)), ": ", inside, collapse = ", "), "}"))
  }
  one <- if (is.character(x)) to_text(x) else if (is.logical(x)) tolower(x) else
    ifelse(is.finite(x), sprintf("%.17g", x), to_text(as.character(x)))
  if (length(x) == 1 && !inherits(x, "AsIs")) one else paste0("[", paste(one, collapse = ", "), "]")
}
to_text <- function(x) paste0("\"", gsub("\"", "\\\\\"", gsub("\\\\", "\\\\\\\\", x)), "\"")
