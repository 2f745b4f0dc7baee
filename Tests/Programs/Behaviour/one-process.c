// SPDX-License-Identifier: Apache-2.0
// Vorteil runs one process: every way to make another fails with ENOSYS, and the program goes on.
// What Linux does is different, so the expectation is Expected/one-process.txt and the host does not run this.
#include "../support.h"
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

extern char **environ;

static char child_stack[16384];
static int child(void *argument) { return argument != NULL; }

// On a Linux that can fork, the child must not go on with the test.
static long without_child(long process) {
  if (process == 0) _exit(0);
  return process;
}

int main(int argc, char **argv) {
  if (argc > 1) return strcmp(argv[1], "child") == 0 ? 0 : 98;
  uint64_t arguments[11] = {[4] = SIGCHLD};
  outcome("fork", without_child(fork()));
  outcome("the system call fork", without_child(syscall(SYS_fork)));
  outcome("the system call vfork", syscall(SYS_vfork));
  outcome("the system call clone", without_child(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)));
  outcome("clone of a namespace", without_child(syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0)));
  outcome("clone that shares memory", clone(child, child_stack + sizeof child_stack, CLONE_VM | SIGCHLD, NULL));
  outcome("clone3", without_child(syscall(435, arguments, sizeof arguments)));
  pid_t process;
  int error = posix_spawn(&process, "/proc/self/exe", NULL, NULL, (char *[]){"child", NULL}, environ);
  printf("posix_spawn: %s\n", error_name(error));
  check("system fails", system("true") != 0);  // The C libraries differ in how they say it.
  check("popen fails", popen("true", "r") == NULL);
  outcome("wait", wait(NULL));
  puts("the program goes on");
  return finish();
}
