#' Take over what branches agree on
#'
#' In a join, `self` starts without artifacts. `merge_artifacts()` sets those on which all inputs agree. An artifact
#' that only some inputs have is taken over when these agree. Names that the join has assigned before are left alone.
#'
#' When inputs differ in an artifact, nothing is set, and the error names all such artifacts; it has class
#' `instep_error_merge_conflict` and their names in its field `artifact_names`. To resolve one, assign it before, or
#' exclude it.
#'
#' @param self The artifacts of the join.
#' @param inputs The inputs of the join.
#' @param exclude Character vector of names that are not considered. Not together with `include`.
#' @param include Character vector: only these names are considered. A name that is found nowhere is an error of class
#'   `instep_error_merge_missing`.
#' @returns `self`, invisibly.
#' @export
#' @examples
#' join <- function(self, inputs) {
#'   self$n <- inputs$left$n + inputs$right$n
#'   merge_artifacts(self, inputs, exclude = "scratch")
#' }
merge_artifacts <- function(self, inputs, exclude = character(), include = character()) {
  state <- self_state(self)
  exclude <- as.character(unlist(exclude))
  include <- as.character(unlist(include))
  if (!isTRUE(state$task$is_join) || !inherits(inputs, "instep_inputs")) {
    abort(
      "{.fn merge_artifacts} works in a join only, with its {.arg inputs}; step {.val {state$task$step}} is none.",
      "merge_outside_join"
    )
  }
  if (length(exclude) > 0L && length(include) > 0L) {
    abort("{.fn merge_artifacts} takes {.arg exclude} or {.arg include}, not both.", "argument")
  }
  found <- merge_candidates(state, inputs)
  wanted <- if (length(include) > 0L) found[names(found) %in% include] else found[!names(found) %in% exclude]
  note_reading(state, if (length(include) > 0L) include else everything)
  check_merge_missing(setdiff(include, c(names(found), names_of(state))))
  check_merge_conflicts(wanted)
  for (name in names(wanted)) {
    state$inputs[[name]] <- wanted[[name]][[1L]]
    state$forwarded <- union(state$forwarded, name)
  }
  invisible(self)
}

# All artifacts of the inputs that the join has not set, as lists of Input messages by name.
merge_candidates <- function(state, inputs) {
  all <- do.call(c, lapply(unclass(inputs), \(input) unname(self_state(input)$task$inputs)))
  taken <- c(ls(state$assigned, all.names = TRUE), names(state$inputs))
  keep <- vapply(all, \(input) {
    !input$kind %in% fixed_kinds &&
      !startsWith(input$name, "_") && !input$name %in% taken
  }, NA)
  candidates <- all[keep]
  split(candidates, vapply(candidates, \(input) input$name, ""))
}

check_merge_missing <- function(missing, call = parent.frame()) {
  if (length(missing) > 0L) {
    abort(
      "MissingInMergeArtifactsException: no input has {cli::qty(missing)}artifact{?s} {.val {missing}}. Nothing was merged.",
      "merge_missing",
      artifact_names = missing,
      call = call
    )
  }
}

check_merge_conflicts <- function(wanted, call = parent.frame()) {
  differs <- vapply(wanted, \(same) length(unique(vapply(same, \(input) input$artifact$hash, ""))) > 1L, NA)
  names <- names(wanted)[differs]
  if (length(names) > 0L) {
    abort(
      c(
        "MergeArtifactsException: the inputs differ in {cli::qty(names)}artifact{?s} {.val {names}}. Nothing was merged.",
        i = "Assign {cli::qty(names)}{?it/them} before the call, or name {?it/them} in {.arg exclude}."
      ),
      "merge_conflict",
      artifact_names = names,
      call = call
    )
  }
}
