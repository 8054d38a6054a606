#' What is known about the running task
#'
#' @param name Name of a fact: `"flow_name"`, `"run_id"`, `"step_name"`, `"task_id"`, `"retry_count"`,
#'   `"origin_run_id"`, `"pathspec"`, `"namespace"`, `"username"`, `"tags"`, `"parameter_names"`, `"tempdir"` or
#'   `"is_running_flow"`.
#' @param default What to give where the fact is not known.
#' @returns The fact: ids are strings, `retry_count` is a whole number, `is_running_flow` is `TRUE` in a task and
#'   `FALSE` elsewhere. Outside a task the others are `default`.
#' @export
#' @examples
#' current("is_running_flow")
#' current("task_id")
current <- function(name, default = NULL) {
  check_string(name)
  if (name == "is_running_flow") {
    return(!is.null(the$task))
  }
  if (!name %in% current_names) {
    abort(c("There is no {.code current({.val {name}})}.", i = "Known are {.val {current_names}}."), "argument")
  }
  the$task[[name]] %||% default
}

current_names <- c(
  "flow_name", "run_id", "step_name", "task_id", "retry_count", "origin_run_id", "pathspec", "namespace", "username",
  "tags", "parameter_names", "tempdir", "is_running_flow"
)

task_facts <- function(task) {
  list(
    flow_name = task$flow,
    run_id = task$run_id,
    step_name = task$step,
    task_id = task$task_id,
    retry_count = task$attempt,
    origin_run_id = if (nzchar(task$origin_run_id)) task$origin_run_id,
    pathspec = paste(task$flow, task$run_id, task$step, task$task_id, sep = "/"),
    namespace = task$namespace,
    username = task$user,
    tags = task$tags,
    parameter_names = task$parameter_names,
    tempdir = tempdir()
  )
}
