// The keeper of a lease: a thread that sends heartbeats and new log bytes while R runs the user's step.
//
// The thread never calls R. What it learns it says by atomic flags, by SIGINT to R's thread (the directive CANCEL, or the
// end of the time that user code has: R turns it into an interrupt condition), and by ending the process when the lease is
// lost, because nothing that the process could still do is wanted. While the attempt is being reported it only keeps the
// lease: the report's own answer says then what is wanted.

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cpp11.hpp>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>

#include "end_process.h"
#include "grpc.h"
#include "message.h"

namespace pb = google::protobuf;

namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

const auto kLogInterval = Milliseconds(500);
const size_t kLogChunk = 256 * 1024;
const int kExitLeaseLost = 74;
const auto kFirstPause = Milliseconds(200);
const auto kLongestPause = Milliseconds(10000);
const auto kRepeatInterval = std::chrono::seconds(1);
const int kRunning = 2;  // ATTEMPT_PHASE_RUNNING

const char* const kHeartbeat = "/instep.v1.WorkerService/Heartbeat";
const char* const kAppendLogs = "/instep.v1.LogService/AppendLogs";

const pb::FieldDescriptor* field(const pb::Message& message, const char* name) {
  return message.GetDescriptor()->FindFieldByName(name);
}

void set_bytes(pb::Message* message, const char* name, const std::string& value) {
  message->GetReflection()->SetString(message, field(*message, name), value);
}

void set_number(pb::Message* message, const char* name, int64_t value) {
  message->GetReflection()->SetInt64(message, field(*message, name), value);
}

void set_enum(pb::Message* message, const char* name, int value) {
  message->GetReflection()->SetEnumValue(message, field(*message, name), value);
}

int64_t get_number(const pb::Message& message, const char* name) {
  return message.GetReflection()->GetInt64(message, field(message, name));
}

int get_small(const pb::Message& message, const char* name) {
  return message.GetReflection()->GetInt32(message, field(message, name));
}

bool get_flag(const pb::Message& message, const char* name) {
  return message.GetReflection()->GetBool(message, field(message, name));
}

void set_flag(pb::Message* message, const char* name, bool value) {
  message->GetReflection()->SetBool(message, field(*message, name), value);
}

// A fact about a verdict, from the metadata of an ErrorDetail. Empty: it is not there.
std::string fact_of(const pb::Message& detail, const std::string& key) {
  const pb::FieldDescriptor* entries = field(detail, "metadata");
  for (int i = 0; i < detail.GetReflection()->FieldSize(detail, entries); ++i) {
    const pb::Message& entry = detail.GetReflection()->GetRepeatedMessage(detail, entries, i);
    if (entry.GetReflection()->GetString(entry, field(entry, "key")) == key) {
      return entry.GetReflection()->GetString(entry, field(entry, "value"));
    }
  }
  return "";
}

// Name of the reason of a verdict, such as ERROR_REASON_LEASE_LOST. Empty without a verdict.
std::string reason_of(const instep::Answer& answer, pb::Message* detail) {
  if (answer.detail.empty() || !detail->ParseFromString(answer.detail)) return "";
  const pb::FieldDescriptor* reason = field(*detail, "reason");
  const pb::EnumValueDescriptor* value =
      reason->enum_type()->FindValueByNumber(detail->GetReflection()->GetEnumValue(*detail, reason));
  return value == nullptr ? "" : value->name();
}

int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

int64_t cpu_ms() {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

// A stream of the log: a file that grows, and how far it was sent.
struct Spool {
  std::string file;
  int stream = 0;  // number of the LogStream
  int64_t offset = 0;
  bool closed = false;
};

// The keeper's thread is to end, in the middle of a call.
struct Stopped {};

// Whether this is the thread of a keeper, and not that of R.
thread_local bool is_keeper = false;

class Keeper {
 public:
  Keeper(std::shared_ptr<grpc::Channel> channel, instep::Metadata metadata, std::string lease_token,
         int heartbeat_ms, int call_ms, int64_t orphan_ms, int64_t timeout_ms, const std::string& stdout_file,
         const std::string& stderr_file)
      : channel_(std::move(channel)),
        metadata_(std::move(metadata)),
        lease_token_(std::move(lease_token)),
        heartbeat_ms_(heartbeat_ms),
        call_ms_(call_ms),
        orphan_limit_(orphan_ms),
        timeout_ms_(timeout_ms),
        r_thread_(pthread_self()) {
    spools_[0].file = stdout_file;
    spools_[0].stream = 1;
    spools_[1].file = stderr_file;
    spools_[1].stream = 2;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);  // signals are for R's thread
    thread_ = std::thread(&Keeper::keep, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  ~Keeper() { stop(); }

  void stop() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  // The attempt is being reported from now on.
  void begin_report() { heeds_ = false; }

  // User code has its time from the phase RUNNING on. Once another phase is set, no signal is sent for that.
  void set_phase(int phase) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      phase_ = phase;
      if (phase == kRunning && timeout_ms_ > 0) deadline_ = Clock::now() + Milliseconds(timeout_ms_);
    }
    changed_.notify_all();
  }

  bool cancelled() const { return cancelled_; }

  bool timed_out() const { return timed_out_; }

  std::string cancel_reason() {
    std::lock_guard<std::mutex> lock(mutex_);
    return cancel_reason_;
  }

  // Sends one heartbeat from the caller's thread or the keeper's.
  void beat() {
    std::lock_guard<std::mutex> lock(beat_mutex_);
    std::unique_ptr<pb::Message> request = instep::new_message("HeartbeatRequest");
    set_bytes(request.get(), "lease_token", lease_token_);
    set_number(request.get(), "seq", ++seq_);
    set_enum(request.get(), "phase", phase_);
    set_number(request.get(), "rss_bytes", resident_bytes());
    set_number(request.get(), "cpu_ms", cpu_ms());
    instep::Answer answer = call(kHeartbeat, *request);
    if (answer.status.ok()) obey(answer.response);
  }

  // Sends what the spool files have gained. False: trouble of the transport left some of it unsent.
  bool send_logs() {
    std::lock_guard<std::mutex> lock(log_mutex_);
    for (Spool& spool : spools_) {
      Sent sent = Sent::kMore;
      while (!spool.closed && sent == Sent::kMore) sent = send_chunk(&spool);
      if (sent == Sent::kTrouble) return false;
    }
    return true;
  }

  // Sends all that is left of the logs, and that they end, again and again until the orphan limit.
  void send_rest() {
    const Clock::time_point give_up = Clock::now() + orphan_limit_;
    Milliseconds pause = kFirstPause;
    while (!(send_logs() && send_ends()) && Clock::now() + pause < give_up) {
      std::this_thread::sleep_for(pause);
      pause = std::min(2 * pause, kLongestPause);
    }
  }

 private:
  enum class Sent { kAll, kMore, kTrouble };

  // Says that the logs have ended. False: not all of it could be said.
  bool send_ends() {
    std::lock_guard<std::mutex> lock(log_mutex_);
    for (Spool& spool : spools_) {
      if (!spool.file.empty() && !spool.closed && append(&spool, "", true) != Sent::kAll) return false;
    }
    return true;
  }

  void keep() {
    is_keeper = true;
    try {
      keep_until_stopped();
    } catch (const Stopped&) {
    }
  }

  void keep_until_stopped() {
    Clock::time_point next_log = Clock::now() + kLogInterval;
    Clock::time_point next_beat = Clock::now() + std::min<Milliseconds>(kLogInterval, Milliseconds(heartbeat_ms_));
    for (;;) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        const Clock::time_point next = std::min(next_log, next_beat);
        while (!stopped_ && Clock::now() < next && !is_late()) {
          changed_.wait_until(lock, is_timed() ? std::min(next, deadline_) : next);
        }
        if (stopped_) return;
        if (is_late()) interrupt_late_code();
      }
      if (Clock::now() >= next_beat) {
        beat();
        next_beat = Clock::now() + Milliseconds(heartbeat_ms_);
      }
      if (Clock::now() >= next_log) {
        if (heeds_) send_logs();
        next_log = Clock::now() + kLogInterval;
      }
    }
  }

  // Whether user code runs and its time is limited.
  bool is_timed() const { return timeout_ms_ > 0 && phase_ == kRunning; }

  bool is_late() const { return is_timed() && Clock::now() >= deadline_; }

  // As that of Ctrl-C, the first signal goes to the programs that user code has started as well. While R waits for one in
  // system(), it ignores the signal itself: so it comes again until another phase is set.
  void interrupt_late_code() {
    if (!timed_out_.exchange(true) && getpgrp() == getpid()) {
      killpg(getpgrp(), SIGINT);
    } else {
      pthread_kill(r_thread_, SIGINT);
    }
    deadline_ = Clock::now() + kRepeatInterval;
  }

  instep::Answer call(const char* method, const pb::Message& request) {
    std::function<void()> idle;
    if (is_keeper) {
      idle = [this] {
        if (stopped_) throw Stopped();
      };
    }
    instep::Answer answer =
        instep::call_unary(channel_, method, instep::serialize(request), metadata_, call_ms_, idle);
    std::unique_ptr<pb::Message> detail = instep::new_message("ErrorDetail");
    std::string reason = reason_of(answer, detail.get());
    const bool is_lost = reason == "ERROR_REASON_LEASE_LOST" || reason == "ERROR_REASON_LEASE_CLOSED";
    const bool is_orphan = has_failed_for_long(answer.status.ok() || !reason.empty());
    if (heeds_ && (is_lost || is_orphan)) instep::end_process(kExitLeaseLost);
    return answer;
  }

  // Takes note of how a call ended, and tells whether none was answered for too long. The time counts from the first
  // failure that was seen: this process may have been stopped before.
  bool has_failed_for_long(bool answered) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (answered) {
      is_failing_ = false;
    } else if (!is_failing_) {
      is_failing_ = true;
      failing_since_ = Clock::now();
    }
    return is_failing_ && Clock::now() - failing_since_ > orphan_limit_;
  }

  void obey(const std::string& bytes) {
    std::unique_ptr<pb::Message> response = instep::new_message("HeartbeatResponse");
    if (!response->ParseFromString(bytes)) return;
    int interval = get_small(*response, "heartbeat_ms");
    if (interval > 0) heartbeat_ms_ = interval;
    const pb::FieldDescriptor* directive = field(*response, "directive");
    bool cancel = response->GetReflection()->GetEnum(*response, directive)->name() == "DIRECTIVE_CANCEL";
    if (!cancel) return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      cancel_reason_ = response->GetReflection()->GetString(*response, field(*response, "cancel_reason"));
    }
    if (!cancelled_.exchange(true) && heeds_) pthread_kill(r_thread_, SIGINT);
  }

  // Sends the next bytes of a spool file.
  Sent send_chunk(Spool* spool) {
    int fd = ::open(spool->file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return Sent::kAll;
    std::string data(kLogChunk, '\0');
    ssize_t count = ::pread(fd, &data[0], data.size(), spool->offset);
    ::close(fd);
    if (count <= 0) return Sent::kAll;
    data.resize(static_cast<size_t>(count));
    const int64_t before = spool->offset;
    const Sent sent = append(spool, data, false);
    if (sent != Sent::kAll) return sent;
    return spool->offset > before && data.size() == kLogChunk ? Sent::kMore : Sent::kAll;
  }

  // Appends to a log. kMore: the log goes on elsewhere, where the spool is now.
  Sent append(Spool* spool, const std::string& data, bool end) {
    std::unique_ptr<pb::Message> request = instep::new_message("AppendLogsRequest");
    set_bytes(request.get(), "lease_token", lease_token_);
    set_enum(request.get(), "stream", spool->stream);
    set_number(request.get(), "offset", spool->offset);
    set_bytes(request.get(), "data", data);
    set_flag(request.get(), "end", end);
    instep::Answer answer = call(kAppendLogs, *request);
    if (!answer.status.ok()) return heed_refusal(answer, spool);
    std::unique_ptr<pb::Message> response = instep::new_message("AppendLogsResponse");
    if (!response->ParseFromString(answer.response)) return Sent::kAll;
    spool->offset = get_number(*response, "next_offset");
    spool->closed = end || get_flag(*response, "closed");
    return Sent::kAll;
  }

  Sent heed_refusal(const instep::Answer& answer, Spool* spool) {
    std::unique_ptr<pb::Message> detail = instep::new_message("ErrorDetail");
    const std::string reason = reason_of(answer, detail.get());
    if (reason.empty() || reason == "ERROR_REASON_OVERLOADED") return Sent::kTrouble;
    const std::string expected = reason == "ERROR_REASON_LOG_OFFSET" ? fact_of(*detail, "expected") : "";
    if (expected.empty()) return Sent::kAll;
    spool->offset = std::strtoll(expected.c_str(), nullptr, 10);
    return Sent::kMore;
  }

  const std::shared_ptr<grpc::Channel> channel_;
  const instep::Metadata metadata_;
  const std::string lease_token_;
  std::atomic<int> heartbeat_ms_;
  const int call_ms_;
  const Milliseconds orphan_limit_;
  const int64_t timeout_ms_;
  const pthread_t r_thread_;
  Spool spools_[2];
  int64_t seq_ = 0;
  std::atomic<int> phase_{1};
  std::atomic<bool> cancelled_{false};
  std::atomic<bool> timed_out_{false};
  Clock::time_point deadline_;
  std::string cancel_reason_;
  std::atomic<bool> stopped_{false};
  std::atomic<bool> heeds_{true};
  bool is_failing_ = false;
  Clock::time_point failing_since_;
  std::mutex mutex_;
  std::mutex beat_mutex_;
  std::mutex log_mutex_;
  std::condition_variable changed_;
  std::thread thread_;
};

Keeper* keeper_of(SEXP handle) { return cpp11::external_pointer<Keeper>(handle).get(); }

}  // namespace

[[cpp11::register]] SEXP keeper_start_(SEXP channel, std::string session_token, cpp11::raws lease_token,
                                       int heartbeat_ms, int call_ms, double orphan_ms, double timeout_ms,
                                       std::string stdout_file, std::string stderr_file) {
  instep::Metadata metadata = {{"authorization", "Bearer " + session_token}};
  std::string token(reinterpret_cast<const char*>(RAW(lease_token)), static_cast<size_t>(lease_token.size()));
  cpp11::external_pointer<std::shared_ptr<grpc::Channel>> dialed(channel);
  auto keeper = std::make_unique<Keeper>(*dialed, metadata, token, heartbeat_ms, call_ms,
                                         static_cast<int64_t>(orphan_ms), static_cast<int64_t>(timeout_ms), stdout_file,
                                         stderr_file);
  // Not finalized when R ends: a step that calls quit() is reported then, and that needs the keeper.
  return cpp11::external_pointer<Keeper>(keeper.release(), true, false);
}

// Phases as in AttemptPhase: 1 started, 2 running, 3 storing.
[[cpp11::register]] void keeper_phase_(SEXP keeper, int phase) { keeper_of(keeper)->set_phase(phase); }

// Asks the server at once whether the task is cancelled.
[[cpp11::register]] bool keeper_cancelled_(SEXP keeper, bool ask) {
  if (ask && !keeper_of(keeper)->cancelled()) keeper_of(keeper)->beat();
  return keeper_of(keeper)->cancelled();
}

// Whether the time that user code had was over before it ended.
[[cpp11::register]] bool keeper_timed_out_(SEXP keeper) { return keeper_of(keeper)->timed_out(); }

[[cpp11::register]] std::string keeper_cancel_reason_(SEXP keeper) {
  return keeper_of(keeper)->cancel_reason();
}

// The attempt is being reported: from now on the thread only keeps the lease. With `send_logs` sends what is left of the
// logs.
[[cpp11::register]] void keeper_report_(SEXP keeper, bool send_logs) {
  keeper_of(keeper)->begin_report();
  if (send_logs) keeper_of(keeper)->send_rest();
}

// Ends the thread.
[[cpp11::register]] void keeper_stop_(SEXP keeper) { keeper_of(keeper)->stop(); }
