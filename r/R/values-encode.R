# Turns a value into a manifest and the blobs that it names.
#
# `name` is the name of the artifact, for messages. What does not survive is a warning of class `instep_warning_loss`,
# nothing at all, or an error, as `on_loss` says; it is in `losses` anyway, once for each rule. With `inline`, all bytes
# are in the manifest.
#
# Gives a list of `manifest` (raw), `digest` (`hash`, `size`), `blobs` (each with `hash`, `size` and `data`, which goes
# to object_put() or blob_bytes(), or is NULL when the store has the blob already), `portable`, `type`, `summary`,
# `losses`. The blobs borrow the memory of `x`: write them before any user code runs again.
encode_value <- function(x, name = "value", on_loss = c("warn", "ignore", "error"), inline = FALSE,
                         error_call = parent.frame()) {
  on_loss <- match.arg(on_loss)
  if (!is.null(the$python)) x <- with_handles(x)
  encoded <- tryCatch(
    value_encode_(x, name, producer(), inline, the$types),
    instep_type_failure = \(cnd) list(error = cnd)
  )
  if (!is.null(encoded$error)) abort_value_encode(encoded$error, name, error_call)
  encoded$losses <- distinct_losses(encoded$losses)
  report_losses(encoded$losses, name, on_loss, error_call)
  encoded$type <- value_type(x)
  encoded$summary <- value_summary(x, encoded$portable)
  encoded
}

# Who writes, for people.
producer <- function() {
  sprintf("instep %s (r %s)", getNamespaceVersion("instep"), getRversion())
}

abort_value_encode <- function(error, name, error_call) {
  text <- paste(error$path, error$message)
  cli::cli_abort(
    "Artifact {.val {name}} can't be stored: {text}",
    class = c("instep_error_value_encode", "instep_error"),
    artifact = name, path = error$path, code = error$code, parent = error$parent, call = error_call
  )
}

# How many tasks a foreach over `x` has. `variable` and `step` name them in errors.
item_count <- function(x, variable = "value", step = NULL, error_call = parent.frame()) {
  refuse <- function(problem, advice = "Store a vector or a list.") {
    who <- if (is.null(step)) "A foreach" else cli::format_inline("Step {.val {step}}")
    cli::cli_abort(
      c("{who} can't spread the items of {.code self${variable}}: {problem}.", i = "{advice}"),
      class = c("instep_error_foreach", "instep_error"), variable = variable, step = step, call = error_call
    )
  }
  if (is.null(x)) refuse("it is NULL, which has no items")
  if (is.data.frame(x)) refuse("it is a data frame", "Store its rows as a list, by split(), or their numbers, by seq_len(nrow(x)).")
  if (inherits(x, "instep_foreign")) refuse("it is an object of another language, which R can't open")
  if (inherits(x, "instep_pairs")) refuse("it is a mapping")
  if (length(dim(x)) > 1) refuse("it is a matrix or an array", "Store a list of its slices, by asplit().")
  if (!is.atomic(x) && !is.list(x)) refuse(paste("it is of class", class(x)[[1]]))
  count <- if (inherits(x, "instep_scalar") && is.character(x)) nchar(x, "chars") else length(x)
  if (count == 0) refuse("it is empty, so it produced zero splits")
  count
}

# What a person sees of a value: its class, and a few words on its size or content.

value_type <- function(x) {
  class(if (inherits(x, "instep_scalar")) unmark_scalar(x) else x)[[1]]
}

value_summary <- function(x, portable = TRUE) {
  if (inherits(x, "instep_scalar")) x <- unmark_scalar(x)
  text <- tryCatch(summary_text(x, portable), error = \(cnd) value_type(x))
  if (nchar(text) > 200) paste0(substr(text, 1, 199), "\u2026") else text
}

summary_text <- function(x, portable) {
  type <- value_type(x)
  if (is.null(x)) return("NULL")
  if (inherits(x, "instep_foreign")) {
    facts <- unclass(x)
    return(sprintf("%s (%s only)", facts$classes[1], language_name(facts$language)))
  }
  if (length(dim(x)) > 1) {
    return(paste(type, paste(format(dim(x), big.mark = ",", trim = TRUE), collapse = " x ")))
  }
  if (is.factor(x)) return(sprintf("%s of %s, %s", type, count_text(length(x)), plural(nlevels(x), "level")))
  if (is.raw(x)) return(paste("raw,", plural(length(x), "byte")))
  if (is.atomic(x) && length(x) == 1) return(paste(type, scalar_text(x)))
  if (is.atomic(x)) return(sprintf("%s vector of %s", type, count_text(length(x))))
  if (is.list(x) && !is.object(x)) return(paste("list of", count_text(length(x))))
  if (portable) type else paste(type, "(R only)")
}

scalar_text <- function(x) {
  if (is.character(x)) return(encodeString(substr(x, 1, 100), quote = '"', na.encode = FALSE))
  paste(format(unname(x)), collapse = " ")
}

count_text <- function(count) format(count, big.mark = ",", trim = TRUE, scientific = FALSE)

plural <- function(count, noun) paste0(count_text(count), " ", noun, if (count != 1) "s")

language_name <- function(language) switch(language, python = "Python", r = "R", language)
