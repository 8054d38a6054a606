max_constant_bytes <- 1024 * 1024

#' Give all steps of a flow a constant
#'
#' Each task, in R and in Python, reads the value as `self$name`, after joins too, and can't change it.
#'
#' @param flow A flow, from [flow()].
#' @param name Name of the constant, a string: letters, digits and underscores, a letter first.
#' @param value The value: what can be stored as an artifact, at most 1 MiB.
#' @returns The flow, with the constant.
#' @seealso In Python the plain values in the body of a flow class.
#' @export
#' @examples
#' flow("Weights") |>
#'   constant("unit", "kg") |>
#'   step("start", \(self) print(self$unit))
constant <- function(flow, name, value) {
  check_flow(flow)
  check_string(name)
  if (!grepl("^[A-Za-z][A-Za-z0-9_]*$", name)) {
    abort(
      c(
        "A constant can't be named {.val {name}}.",
        i = "A name begins with a letter and has letters, digits and underscores."
      ),
      "constant_name"
    )
  }
  # What to do about losses is decided by each run.
  encoded <- encode_value(value, name, "ignore", inline = TRUE)
  manifest <- encoded$manifest
  if (length(manifest) > max_constant_bytes) {
    abort(
      c(
        "Constant {.val {name}} takes {count_text(length(manifest))} bytes, more than {count_text(max_constant_bytes)}.",
        i = "Assign it to {.code self} in the first step."
      ),
      "constant_size"
    )
  }
  flow$constants[[length(flow$constants) + 1L]] <- list(
    name = name, manifest = manifest, losses = encoded$losses, location = call_location()
  )
  flow
}

constant_spec <- function(constant, location) {
  losses <- lapply(constant$losses, \(loss) {
    list(rule = loss$code, path = loss$path, message = paste0("it ", loss$message, "."))
  })
  list(name = constant$name, manifest = constant$manifest, losses = losses, location = location)
}
