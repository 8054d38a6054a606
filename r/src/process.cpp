// Processes: spawning programs, and forking workers from a warm host.
//
// Theory of operation of a host. The session has one thread and waits in host_wait_() for two things: a framed command
// on the pipe to the launcher, or the end of a worker (SIGCHLD writes a byte into a pipe of our own). Each worker leads
// a process group. A worker that ended is first seen with WNOWAIT, so that its process id, and with it the group, can't
// be taken by another process while the leftovers of the group are killed; only then it is reaped.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include <chrono>
#include <cerrno>
#include <cpp11.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include <Rembedded.h>
#include <Rinterface.h>

#include "end_process.h"

extern char** environ;

namespace {

[[noreturn]] void fail(const std::string& what) { cpp11::stop("%s: %s.", what.c_str(), std::strerror(errno)); }

// Opens the null device for each standard stream that is closed: a socket would get its number otherwise, and be written
// to by whatever prints, and be lost when a worker's output is redirected.
void open_standard_streams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) fail("Can't open a standard stream");
  }
}

void set_close_on_exec(int fd, bool on) {
  int flags = fcntl(fd, F_GETFD);
  if (flags < 0 || fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC) < 0) {
    fail("Can't set a flag of a file descriptor");
  }
}

// Reads exactly `size` bytes. False at the end of the stream.
bool read_fully(int fd, void* buffer, size_t size) {
  char* at = static_cast<char*>(buffer);
  while (size > 0) {
    ssize_t count = ::read(fd, at, size);
    if (count == 0) return false;
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno == ECONNRESET) return false;
      fail("Can't read from the pipe");
    }
    at += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

// One message: its length as four bytes, little-endian, then its bytes. False at the end of the stream.
bool read_frame(int fd, std::vector<uint8_t>* frame) {
  uint8_t head[4];
  if (!read_fully(fd, head, sizeof head)) return false;
  uint32_t size = head[0] | head[1] << 8 | head[2] << 16 | static_cast<uint32_t>(head[3]) << 24;
  frame->resize(size);
  return read_fully(fd, frame->data(), size);
}

// Sends one message. False when the other end is closed.
bool send_frame(int fd, const cpp11::raws& message) {
  uint32_t size = static_cast<uint32_t>(message.size());
  std::string frame;
  for (int shift = 0; shift < 32; shift += 8) frame.push_back(static_cast<char>(size >> shift & 0xff));
  frame.append(reinterpret_cast<const char*>(RAW(message)), size);
  const char* at = frame.data();
  size_t left = frame.size();
  while (left > 0) {
    ssize_t count = ::send(fd, at, left, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EPIPE || errno == ECONNRESET)) return false;
    if (count < 0) fail("Can't write to the pipe");
    at += count;
    left -= static_cast<size_t>(count);
  }
  return true;
}

cpp11::writable::raws as_raws(const std::vector<uint8_t>& bytes) {
  cpp11::writable::raws out(static_cast<R_xlen_t>(bytes.size()));
  if (!bytes.empty()) std::memcpy(RAW(out), bytes.data(), bytes.size());
  return out;
}

struct sigaction with_handler(void (*handler)(int), int flags) {
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  return action;
}

// What a host holds. There is at most one in a process, because SIGCHLD has one handler.
struct Host {
  int fd = -1;
  int wake[2] = {-1, -1};
  std::map<pid_t, std::string> workers;
  struct sigaction old_chld;
  struct sigaction old_int;
};

Host* host = nullptr;
volatile int wake_fd = -1;

void on_child(int) {
  int saved = errno;
  char byte = 0;
  if (::write(wake_fd, &byte, 1) < 0) errno = saved;
  errno = saved;
}

Host& the_host() {
  if (host == nullptr) cpp11::stop("This process is no host.");
  return *host;
}

struct Ended {
  pid_t pid = 0;
  std::string worker_id;
  int status = 0;
  double max_rss_bytes = 0;
};

// Finds a worker that has ended, kills what it left behind in its group, and reaps it.
bool reap_one(Host* self, Ended* ended, bool wait) {
  for (const auto& [pid, worker_id] : self->workers) {
    siginfo_t info;
    info.si_pid = 0;
    if (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT | (wait ? 0 : WNOHANG)) != 0) continue;
    if (info.si_pid == 0) continue;
    killpg(pid, SIGKILL);
    struct rusage usage;
    if (wait4(pid, &ended->status, 0, &usage) != pid) continue;
    ended->pid = pid;
    ended->worker_id = worker_id;
#ifdef __APPLE__
    ended->max_rss_bytes = static_cast<double>(usage.ru_maxrss);
#else
    ended->max_rss_bytes = static_cast<double>(usage.ru_maxrss) * 1024;
#endif
    self->workers.erase(pid);
    return true;
  }
  return false;
}

void redirect(const std::string& file, int flags, int target) {
  int fd = ::open(file.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0 || ::dup2(fd, target) < 0) {
    dprintf(STDERR_FILENO, "Can't open %s: %s.\n", file.c_str(), std::strerror(errno));
    instep::end_process(71);
  }
  ::close(fd);
}

// Makes the process die with its parent, at once when that is gone already.
void die_with(pid_t parent) {
#ifdef __linux__
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  if (getppid() != parent) instep::end_process(71);
}

// Turns the child of a fork into a worker's process. Any trouble ends it: the parent is told by its exit status.
void become_worker(const Host& parent, pid_t parent_pid, const std::string& stdout_file,
                   const std::string& stderr_file, const std::string& directory) {
  setpgid(0, 0);
  die_with(parent_pid);
  sigaction(SIGCHLD, &parent.old_chld, nullptr);
  sigaction(SIGINT, &parent.old_int, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  ::close(parent.fd);
  ::close(parent.wake[0]);
  ::close(parent.wake[1]);
  R_Interactive = FALSE;  // nobody answers a worker, such as when R asks what to do after a crash
  redirect("/dev/null", O_RDONLY, STDIN_FILENO);
  if (!stdout_file.empty()) redirect(stdout_file, O_WRONLY | O_APPEND | O_CREAT, STDOUT_FILENO);
  if (!stderr_file.empty()) redirect(stderr_file, O_WRONLY | O_APPEND | O_CREAT, STDERR_FILENO);
  if (!directory.empty() && ::chdir(directory.c_str()) != 0) {
    dprintf(STDERR_FILENO, "Can't enter %s: %s.\n", directory.c_str(), std::strerror(errno));
    instep::end_process(71);
  }
}

}  // namespace

// A connected pair of Unix stream sockets. Neither end is inherited by programs.
[[cpp11::register]] cpp11::integers socket_pair_() {
  open_standard_streams();
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) fail("Can't make a pair of sockets");
  set_close_on_exec(fds[0], true);
  set_close_on_exec(fds[1], true);
  return cpp11::writable::integers({fds[0], fds[1]});
}

[[cpp11::register]] void fd_close_(int fd) { ::close(fd); }

// Reads text up to an empty line, or to the end of the stream. Waits at most `timeout_ms`.
[[cpp11::register]] std::string fd_read_block_(int fd, int timeout_ms) {
  std::string text;
  while (text.size() < 2 || text.compare(text.size() - 2, 2, "\n\n") != 0) {
    struct pollfd wait = {fd, POLLIN, 0};
    int ready = poll(&wait, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) {
      cpp11::check_user_interrupt();
      continue;
    }
    if (ready <= 0) break;
    char byte;
    if (::read(fd, &byte, 1) != 1) break;
    text.push_back(byte);
  }
  return text;
}

[[cpp11::register]] cpp11::raws fd_read_frame_(int fd) {
  std::vector<uint8_t> frame;
  if (!read_frame(fd, &frame)) cpp11::stop("The pipe was closed before a message came.");
  return as_raws(frame);
}

// As fd_read_frame_(), but NULL at the end of the stream. The wait for the message can be interrupted.
[[cpp11::register]] SEXP fd_next_frame_(int fd) {
  struct pollfd wait = {fd, POLLIN, 0};
  while (poll(&wait, 1, -1) < 0) {  // a signal ends poll(), but not read()
    if (errno != EINTR) fail("Can't wait on the pipe");
    cpp11::check_user_interrupt();
  }
  std::vector<uint8_t> frame;
  if (!read_frame(fd, &frame)) return R_NilValue;
  return as_raws(frame);
}

// Sends one message. False when the other end is closed.
[[cpp11::register]] bool fd_send_frame_(int fd, cpp11::raws message) { return send_frame(fd, message); }

// While on, the process dies when the other end of the socket is closed, whatever it does then. Nobody may write to
// the socket meanwhile: that would end it, too.
[[cpp11::register]] void fd_die_with_(int fd, bool on) {
  set_close_on_exec(fd, true);
  int flags = fcntl(fd, F_GETFL);
  if (fcntl(fd, F_SETOWN, getpid()) < 0 || fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC) < 0) {
    fail("Can't watch the pipe");
  }
  // What happened before the flag was set raises no signal.
  struct pollfd closed = {fd, 0, 0};
  if (on && poll(&closed, 1, 0) > 0) instep::end_process(0);
}

// Starts a program that inherits the standard streams and the file descriptors `keep`. With `detach` it gets a
// session of its own, ignores SIGINT, reads nothing, and writes to stderr only. With `streams`, descriptors for its
// stdout and stderr, it gets a session of its own, too, so that Ctrl-C at the terminal reaches it only through us.
// Returns its process id.
[[cpp11::register]] int spawn_(cpp11::strings command, cpp11::strings environment, cpp11::integers keep, bool detach,
                               cpp11::integers streams) {
  std::vector<std::string> words(command.begin(), command.end());
  std::vector<std::string> extra(environment.begin(), environment.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(&word[0]);
  argv.push_back(nullptr);
  int report[2];
  if (pipe(report) != 0) fail("Can't make a pipe");
  set_close_on_exec(report[0], true);
  set_close_on_exec(report[1], true);
  std::fflush(nullptr);
  pid_t pid = fork();
  if (pid < 0) fail("Can't fork");
  if (pid == 0) {
    for (int fd : keep) fcntl(fd, F_SETFD, 0);
    struct sigaction interrupt = with_handler(detach ? SIG_IGN : SIG_DFL, 0);
    sigaction(SIGINT, &interrupt, nullptr);
    struct sigaction standard = with_handler(SIG_DFL, 0);
    sigaction(SIGPIPE, &standard, nullptr);
    if (detach) {
      setsid();
      redirect("/dev/null", O_RDONLY, STDIN_FILENO);
      dup2(STDERR_FILENO, STDOUT_FILENO);
    }
    if (streams.size() == 2) {
      setsid();
      redirect("/dev/null", O_RDONLY, STDIN_FILENO);
      dup2(streams[0], STDOUT_FILENO);
      dup2(streams[1], STDERR_FILENO);
    }
    for (std::string& entry : extra) putenv(&entry[0]);
    execvp(argv[0], argv.data());
    int code = errno;
    if (::write(report[1], &code, sizeof code) < 0) instep::end_process(127);
    instep::end_process(127);
  }
  ::close(report[1]);
  int code = 0;
  bool failed = ::read(report[0], &code, sizeof code) == static_cast<ssize_t>(sizeof code);
  ::close(report[0]);
  if (failed) {
    waitpid(pid, nullptr, 0);
    errno = code;
    fail("Can't start " + words[0]);
  }
  return static_cast<int>(pid);
}

// Waits for a program. Returns its exit code, or 128 and the number of the signal that ended it.
[[cpp11::register]] int spawn_wait_(int pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) != pid) {
    if (errno != EINTR) fail("Can't wait for a process");
    cpp11::check_user_interrupt();
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// As spawn_wait_(), but NA while the program runs.
[[cpp11::register]] int spawn_poll_(int pid) {
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) != pid) return NA_INTEGER;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Asks a program that was started by spawn_() to end, as Ctrl-C does.
[[cpp11::register]] void spawn_interrupt_(int pid) { ::kill(pid, SIGINT); }

// Waits until one of the descriptors can be read, for at most `timeout_ms`, and answers for each whether it can. The
// wait can be interrupted.
[[cpp11::register]] cpp11::logicals fd_wait_(cpp11::integers fds, int timeout_ms) {
  std::vector<struct pollfd> waits;
  for (int fd : fds) waits.push_back({fd, POLLIN, 0});
  poll(waits.data(), waits.size(), timeout_ms);
  cpp11::check_user_interrupt();
  cpp11::writable::logicals ready;
  for (const auto& wait : waits) ready.push_back(cpp11::r_bool(wait.revents != 0));
  return ready;
}

// Reads what there is, at most 64 KiB. Empty: the stream has ended.
[[cpp11::register]] cpp11::raws fd_read_some_(int fd) {
  std::vector<uint8_t> bytes(65536);
  ssize_t count = ::read(fd, bytes.data(), bytes.size());
  bytes.resize(count < 0 ? 0 : static_cast<size_t>(count));
  return as_raws(bytes);
}

// Makes this process a host on the pipe `fd`. Until host_close_() it ignores SIGINT: the launcher decides what
// Ctrl-C means.
[[cpp11::register]] void host_open_(int fd) {
  if (host != nullptr) cpp11::stop("This process is a host already.");
  Host* self = new Host;
  self->fd = fd;
  if (pipe(self->wake) != 0) fail("Can't make a pipe");
  for (int end : self->wake) {
    set_close_on_exec(end, true);
    fcntl(end, F_SETFL, O_NONBLOCK);
  }
  set_close_on_exec(fd, true);
  wake_fd = self->wake[1];
  struct sigaction child = with_handler(on_child, SA_RESTART | SA_NOCLDSTOP);
  struct sigaction ignore = with_handler(SIG_IGN, 0);
  sigaction(SIGCHLD, &child, &self->old_chld);
  sigaction(SIGINT, &ignore, &self->old_int);
  host = self;
}

// A pipe that is closed is no error: host_wait_() will tell.
[[cpp11::register]] void host_send_(cpp11::raws message) { send_frame(the_host().fd, message); }

// Waits for what comes next: a command (raw vector), the end of a worker (list), or the end of the pipe (NULL).
[[cpp11::register]] SEXP host_wait_() {
  using namespace cpp11::literals;
  Host& self = the_host();
  for (;;) {
    Ended ended;
    if (reap_one(&self, &ended, false)) {
      bool signalled = WIFSIGNALED(ended.status);
      return cpp11::writable::list({"worker_id"_nm = ended.worker_id,
                                    "exit_code"_nm = signalled ? -1 : WEXITSTATUS(ended.status),
                                    "signal"_nm = signalled ? WTERMSIG(ended.status) : 0,
                                    "max_rss_bytes"_nm = ended.max_rss_bytes});
    }
    struct pollfd wait[2] = {{self.fd, POLLIN, 0}, {self.wake[0], POLLIN, 0}};
    if (poll(wait, 2, -1) < 0) {
      if (errno == EINTR) continue;
      fail("Can't wait on the pipe");
    }
    if (wait[1].revents != 0) {
      char bytes[256];
      while (::read(self.wake[0], bytes, sizeof bytes) > 0) {
      }
      continue;
    }
    std::vector<uint8_t> frame;
    if (!read_frame(self.fd, &frame)) return R_NilValue;
    return as_raws(frame);
  }
}

// Forks a worker. Returns its process id in the host and 0 in the worker, which must end by process_exit_(). Without
// a file for a standard stream the worker shares the host's.
[[cpp11::register]] int host_fork_(std::string worker_id, std::string stdout_file, std::string stderr_file,
                                   std::string directory) {
  Host& self = the_host();
  std::fflush(nullptr);
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid < 0) fail("Can't fork");
  if (pid == 0) {
    become_worker(self, parent, stdout_file, stderr_file, directory);
    host = nullptr;
    return 0;
  }
  setpgid(pid, pid);
  self.workers[pid] = worker_id;
  return static_cast<int>(pid);
}

// Makes a worker that was not forked die with the process that started it.
[[cpp11::register]] void process_die_with_parent_() { die_with(getppid()); }

// Sends a signal to a worker's group, unless the worker was reaped.
[[cpp11::register]] void host_signal_(std::string worker_id, int signal) {
  for (const auto& [pid, id] : the_host().workers) {
    if (id == worker_id) killpg(pid, signal);
  }
}

// Kills all workers and makes the process an ordinary session again.
[[cpp11::register]] void host_close_() {
  Host& self = the_host();
  for (const auto& entry : self.workers) killpg(entry.first, SIGKILL);
  Ended ended;
  while (!self.workers.empty() && reap_one(&self, &ended, true)) {
  }
  sigaction(SIGCHLD, &self.old_chld, nullptr);
  sigaction(SIGINT, &self.old_int, nullptr);
  ::close(self.fd);
  ::close(self.wake[0]);
  ::close(self.wake[1]);
  delete host;
  host = nullptr;
}

// Gives this process a temporary directory of its own inside `parent`: a forked worker has inherited its host's. When R
// crashes it deletes the directory that it began with, by the text that R_TempDir points to at first: that is emptied, so
// that a worker which crashes leaves its host's directory alone.
[[cpp11::register]] std::string process_tempdir_(std::string parent) {
  std::string pattern = parent + "/RtmpXXXXXX";
  char* directory = strdup(pattern.c_str());
  if (mkdtemp(directory) == nullptr) fail("Can't make a temporary directory");
  R_TempDir[0] = '\0';
  R_TempDir = directory;  // kept for as long as the process lives
  return directory;
}

// Ends the process at once, past R's own cleaning up, which would delete what belongs to the host.
// Milliseconds of a clock that nobody sets.
[[cpp11::register]] double process_clock_() {
  using namespace std::chrono;
  return static_cast<double>(duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

[[cpp11::register]] void process_exit_(int status) {
  std::fflush(nullptr);
  instep::end_process(status);
}

[[cpp11::register]] int effective_user_() { return static_cast<int>(geteuid()); }
