# The orchestrator as a process of ours, for the client. It ends when we close our end of the pipe, which also happens
# when R ends in whatever way.

# The connection to the server of a store. It is started when it is first needed, one per store and process.
client_connection <- function(home = store_home(), call = parent.frame()) {
  the$servers <- the$servers %||% new.env(parent = emptyenv())
  server <- the$servers[[home]]
  if (is.null(server) || server$owner != Sys.getpid()) {
    server <- start_server(home, call)
    assign(home, server, the$servers)
  }
  server$connection
}

start_server <- function(home, call = parent.frame()) {
  ends <- socket_pair_()
  arguments <- c("--home", home, "--control-fd", ends[[2L]])
  pid <- spawn_python("instep_server", arguments, keep = ends[[2L]], detach = TRUE, call = call)
  fd_close_(ends[[2L]])
  lines <- strsplit(fd_read_block_(ends[[1L]], 60000L), "\n", fixed = TRUE)[[1L]]
  if (length(lines) < 3L) {
    fd_close_(ends[[1L]])
    abort_server(lines, spawn_wait_(pid), call)
  }
  server <- new.env(parent = emptyenv())
  server$owner <- Sys.getpid()
  server$control <- ends[[1L]]
  server$pid <- pid
  call_ms <- as.integer(1000 * as.numeric(lines[[3L]]))
  server$connection <- connect(lines[[1L]], lines[[2L]], call_ms, orphan_ms = 4 * call_ms) # somebody waits at the console
  reg.finalizer(server, stop_server, onexit = TRUE)
  server
}

# The server has ended before it listened: it has said why, or it could not even do that.
abort_server <- function(lines, status, call = parent.frame()) {
  if (length(lines) == 0L && !is.null(trouble <- python_trouble(python_program()))) {
    abort_python(python_program(), "{trouble}", call = call)
  }
  why <- if (length(lines) > 0L) sub("^error: ", "", lines[[1L]]) else paste0("It ended with status ", status, ".")
  abort(c("The orchestrator can't be started.", x = "{why}"), "server", call = call)
}

# Ends a server and waits for its end. A forked child has inherited the object, not the server.
stop_server <- function(server) {
  if (server$owner == Sys.getpid() && !is.null(server$control)) {
    grpc_close_(server$connection$channel)
    fd_close_(server$control)
    server$control <- NULL
    spawn_wait_(server$pid)
  }
}

# Ends all servers of this process, so that it can fork workers. The client starts them again when it needs them.
stop_servers <- function() {
  for (home in names(the$servers)) {
    stop_server(the$servers[[home]])
  }
  the$servers <- NULL
}
