#' What is known about the running task
#'
#' @param name Name of a fact:
#'   * `"is_running_flow"`: `TRUE` in a task and `FALSE` elsewhere;
#'   * `"flow_name"`, `"run_id"`, `"step_name"`, `"task_id"` and `"pathspec"`, the four joined by slashes;
#'   * `"retry_count"`: number of this attempt, counted from 0;
#'   * `"origin_run_id"`: the run that this one resumes, or `NULL`;
#'   * `"username"`, `"namespace"`, and `"tags"`, the user tags that the run had when the task started;
#'   * `"parameter_names"`: names under which steps read parameters, include files and configs;
#'   * `"tempdir"`: a directory of the task's own, which goes with it;
#'   * `"task"` and `"run"`: the client objects, see [task_client()];
#'   * `"graph"`: a list of `name`, `doc`, `start`, `end` and `steps`, a list by name of lists of `name`, `doc`, `type`
#'     (`"linear"`, `"split"`, `"foreach"`, `"switch"` or `"end"`), `next_step`, `foreach`, `condition`, `join`,
#'     `language`, `file` and `line`;
#'   * `"project_name"`, `"branch_name"`, `"is_user_branch"`, `"is_production"` and `"project_flow_name"`, in flows that
#'     have a [project()].
#' @param default What to give where the fact is not known. A name that does not exist is an error without it.
#' @returns The fact. Ids are strings, `retry_count` is a whole number. Outside a task all but `is_running_flow` are
#'   `default`.
#' @export
#' @examples
#' current("is_running_flow")
#' current("task_id")
#' current("task_id", default = "none")
current <- function(name, default = NULL) {
  check_string(name)
  if (name == "is_running_flow") {
    return(is_running_flow())
  }
  if (!name %in% current_names && missing(default)) {
    abort(c("There is no {.code current({.val {name}})}.", i = "Known are {.val {current_names}}."), "argument")
  }
  fact <- if (name %in% client_facts && is_running_flow()) client_fact(name) else the$task[[name]]
  fact %||% default
}

is_running_flow <- function() !is.null(the$task$task_id)

client_facts <- c("task", "run", "graph")

current_names <- c(
  "flow_name", "run_id", "step_name", "task_id", "retry_count", "origin_run_id", "pathspec", "namespace", "username",
  "tags", "parameter_names", "tempdir", "is_running_flow", client_facts,
  "project_name", "branch_name", "is_user_branch", "is_production", "project_flow_name"
)

task_facts <- function(task) {
  facts <- list(
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
  c(facts, project_facts(task$project, task$flow))
}

# What is known of the project that a flow belongs to.
project_facts <- function(project, flow_name) {
  if (is.null(project)) {
    return(list())
  }
  list(
    project_name = project$name,
    branch_name = project$branch,
    is_user_branch = startsWith(project$branch, "user."),
    is_production = project$is_production,
    project_flow_name = paste(project$name, project$branch, flow_name, sep = ".")
  )
}

client_fact <- function(name) {
  facts <- the$task
  switch(name,
    task = new_client("task", task_ids(facts), namespace = NULL),
    run = new_client("run", task_ids(facts)[1:2], namespace = NULL),
    graph = run_graph(facts$flow_name, facts$run_id)
  )
}

task_ids <- function(facts) {
  list(flow = facts$flow_name, run_id = facts$run_id, step = facts$step_name, task_id = facts$task_id)
}

# The graph of a run, with all its languages.
run_graph <- function(flow, run_id) {
  request <- list(flow = flow, run_id = run_id)
  graph <- rpc_retry(client_connection(), "ControlService/GetRun", request)$graph
  steps <- lapply(graph$steps, \(step) {
    list(
      name = step$name,
      doc = step$doc,
      type = tolower(sub("^TRANSITION_KIND_", "", step$transition$kind)),
      next_step = step$transition$targets,
      foreach = filled(step$transition$foreach),
      condition = filled(step$transition$condition),
      join = step$takes_inputs,
      language = step$entry_point$language,
      file = step$location$file,
      line = step$location$line
    )
  })
  list(name = graph$flow, doc = graph$doc, start = graph$start, end = graph$end, steps = by_name(steps))
}

filled <- function(text) if (nzchar(text)) text
