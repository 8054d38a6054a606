"""Writes a graph's steps in R as a flow file."""

from __future__ import annotations

from collections.abc import Iterable

from graphs.graph import DEFAULT_P, ITEMS, PRIME, Graph, Key, Merge, Step
from graphs.reference import UNIT

HEAD = f"""\
library(instep)

has <- function(self, name) !inherits(tryCatch(self[[name]], error = identity), "error")

get_or <- function(self, name, other) if (has(self, name)) self[[name]] else other

or_zero <- function(x) if (is.null(x)) 0L else as.integer(x)

weighted <- function(numbers) as.integer(sum(seq_along(numbers) * as.integer(numbers)) %% {PRIME}L)

begin <- function(self, name, number, inputs = NULL, suffix = "") {{
  levels <- self$foreach_stack()
  indices <- vapply(levels, \\(level) as.character(level[[1]]), "")
  self$key <- paste0(name, "@", paste(indices, collapse = "."), suffix)
  if (Sys.getenv("FAIL") == self$key) stop("It fails, as it should.")
  items <- vapply(levels, \\(level) if (is.null(level[[3]])) "-" else as.character(level[[3]]), "")
  totals <- vapply(levels, \\(level) as.character(level[[2]]), "")
  self$at <- paste(sprintf("%s:%s:%s", indices, totals, items), collapse = "/")
  if (is.null(inputs)) {{
    before <- 31L * get_or(self, "n", 0L)
    trace <- get_or(self, "trace", "")
  }} else {{
    before <- weighted(unlist(gather_inputs(inputs, "n")))
    trace <- paste0("(", paste(vapply(unname(inputs), \\(one) one$trace, ""), collapse = "|"), ")")
  }}
  n <- before + number + self$p + 7L * or_zero(self$index) + or_zero(self$input)
  self$n <- as.integer(n %% {PRIME}L)
  self$trace <- paste0(trace, name, ";")
}}

merge <- function(self, inputs, ...) {{
  tell <- function(what) \\(error) self$problem <- paste0(what, ":", paste(sort(error$artifact_names), collapse = ","))
  tryCatch(
    merge_artifacts(self, inputs, ...),
    instep_error_merge_conflict = tell("conflict"),
    instep_error_merge_missing = tell("missing")
  )
}}

change_box <- function(self, number) {{
  if (has(self, "box")) {{
    self$box$x <- as.integer(self$box$x) + number
  }} else {{
    self$box <- list(x = number)
  }}
}}

start_attempt <- function(self, fails, dies) {{
  tries <- as.integer(current("retry_count"))
  if (tries < fails) {{
    self$lost <- tries
    stop("once more")
  }}
  if (dies && tries == 0L) {{
    self$lost <- 0L
    tools::pskill(Sys.getpid(), tools::SIGKILL)
  }}
  self$tries <- tries
}}

"""


def r_file(graph: Graph) -> str:
    """Gives the text of the file."""
    included = ", ".join(f'"{name}"' for name in graph.included("r"))
    calls = [f'flow("{graph.name}"{f", include = {included}" if included else ""})']
    if graph.main == "r":
        calls += [f'parameter("p", default = {DEFAULT_P}L)', f'constant("unit", "{UNIT}")']
    calls += [_step(step) for step in graph.of("r")]
    return HEAD + " |>\n  ".join([*calls, "run()"]) + "\n"


def _step(step: Step) -> str:
    is_join = step.kind == "join"
    lines = "\n".join("    " + line for line in _body(step, is_join))
    arguments = [f'"{step.name}"', f"\\(self{', inputs' if is_join else ''}) {{\n{lines}\n  }}"]
    if step.catches:
        arguments.append(f'catch(var = "error_{step.name}")')
    if step.retries:
        arguments.append(f"retry(times = {step.retries})")
    return f"step({', '.join([*arguments, *_transition(step)])})"


def _body(step: Step, is_join: bool) -> list[str]:
    name = step.name
    lines = []
    if step.kind == "recursion":
        lines.append(f'self$round_{name} <- as.integer(get_or(self, "round_{name}", 0L)) + 1L')
    suffix = f', suffix = paste0("#", self$round_{name})' if step.kind == "recursion" else ""
    lines.append(f'begin(self, "{name}", {step.number}L{", inputs" if is_join else ""}{suffix})')
    lines += [f'self[["{one}"]] <- self$n %% {modulus}L' for one, modulus in step.sets]
    if step.by_name:
        lines.append(f"self$named <- weighted(c({', '.join(f'inputs${one}$n' for one in step.by_name)}))")
    if step.merge is not None:
        lines.append(_merge(step.merge))
    if step.changes_box:
        lines.append(f"change_box(self, {step.number}L)")
    if step.looks_for:
        lines.append(
            f'self$found <- paste0("{step.looks_for}:", if (has(self, "{step.looks_for}")) "yes" else "no")'
        )
    if step.kind == "foreach":
        lines.append(
            f"self$items_{name} <- (self$n + (seq_len(1L + self$n %% {step.most}L) - 1L) * {step.number}L) %% {ITEMS}L"
        )
    elif step.kind == "switch":
        keys = _vector(map(_key, step.cases))
        lines.append(f"self$go_{name} <- {keys}[[self$n %% {len(step.cases)}L + 1L]]")
    elif step.kind == "recursion":
        is_over = f"self$round_{name} > ({step.number}L + or_zero(self$index)) %% {step.most}L"
        lines.append(f"self$go_{name} <- {_vector(map(_key, step.cases))}[[({is_over}) + 1L]]")
    if step.retries:
        lines.append(f"start_attempt(self, {step.fails}L, {str(step.dies).upper()})")
    if step.catches:
        lines.append('if (self$n %% 2L == 1L) stop("no ", self$n)')
    return lines


def _merge(merge: Merge) -> str:
    named = [f"include = {_vector(map(_key, merge.include))}"] if merge.include else []
    named += [f"exclude = {_vector(map(_key, merge.exclude))}"] if merge.exclude else []
    return f"merge({', '.join(['self', 'inputs', *named])})"


def _transition(step: Step) -> list[str]:
    targets = [f'"{name}"' for name in step.targets]
    if not targets:
        return []
    if step.cases:
        cases = [f"{_key(key)} ~ {target}" for key, target in zip(step.cases, targets, strict=True)]
        return [f"next_step = list({', '.join(cases)})", f'condition = "go_{step.name}"']
    foreach = [f'foreach = "items_{step.name}"'] if step.kind == "foreach" else []
    return [f"next_step = {_vector(targets)}", *foreach]


def _key(key: Key) -> str:
    if isinstance(key, bool):
        return str(key).upper()
    return f"{key}L" if isinstance(key, int) else f'"{key}"'


def _vector(elements: Iterable[str]) -> str:
    return f"c({', '.join(elements)})"
