// SPDX-License-Identifier: Apache-2.0
// execve in one process: what the next program gets, what it does not, scripts, and every way to be refused.
// It executes itself in stages; what may not survive is set in one stage and looked at in the next.
#include "../support.h"
#include <signal.h>

extern char **environ;
static char program[512], script[512];

static void on_signal(int signal) { (void)signal; }

static void refused(const char *what, const char *path, char **arguments) {
  char *simple[] = {"simple", NULL};
  outcome(what, execve(path, arguments ? arguments : simple, simple + 1));
}

static void write_script(const char *name, const char *line) {
  create_file(name, line);
  chmod(name, 0755);
}

static void refusals(void) {
  refused("what is missing", "missing", NULL);
  refused("a directory", ".", NULL);
  create_file("text", "plain text\n");
  refused("a file without permission", "text", NULL);
  chmod("text", 0755);
  refused("a text without #!", "text", NULL);
  write_script("empty", "");
  refused("an empty file", "empty", NULL);
  write_script("short", "\177ELF");
  refused("a truncated ELF file", "short", NULL);
  write_script("wrong", "\177ELF\1\1\1 and more that is by no means a program header of any kind: 32 bits");
  refused("an ELF file of 32 bits", "wrong", NULL);
  write_script("lost", "#!/missing/interpreter\n");
  refused("a script whose interpreter is missing", "lost", NULL);
  write_script("nameless", "#!  \n");
  refused("a script without an interpreter", "nameless", NULL);
  symlink("loop", "loop");
  refused("a loop", "loop", NULL);
  refused("a path at a bad address", (char *)8, NULL);
  refused("arguments at a bad address", program, (char **)8);
  refused("an argument at a bad address", program, (char *[]){"one", (char *)8, NULL});
  static char huge[200000];
  memset(huge, 'h', sizeof huge - 1);
  refused("an argument of 200000 bytes", program, (char *[]){"one", huge, NULL});
  char previous[520], line[600], name[16];
  strcpy(previous, program);
  for (int i = 1; i <= 7; i++) {
    snprintf(line, sizeof line, "#!%s\n", previous);
    snprintf(name, sizeof name, "nested-%d", i);
    write_script(name, line);
    getcwd(previous, 400);
    strcat(strcat(previous, "/"), name);
  }
  refused("scripts nested 7 deep", "nested-7", NULL);
}

static void first_stage(void) {
  refusals();
  signal(SIGUSR1, SIG_IGN);
  signal(SIGUSR2, on_signal);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGHUP);
  static char stack[65536];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  create_file("kept", "kept by descriptor");
  dup3(open("kept", O_RDONLY), 40, 0);
  dup3(40, 41, O_CLOEXEC);
  read(40, stack, 5);
  umask(037);
  printf("before execve, without a line end ");
  fflush(stdout);
  execve(program, (char *[]){"second name", "second", "", "an argument", NULL}, (char *[]){"ONLY=one", "EMPTY=", NULL});
}

static void second_stage(int argc, char **argv) {
  printf("and after it\n");
  for (int i = 0; i < argc; i++) printf("argument %d: %s\n", i, argv[i]);
  for (char **variable = environ; *variable != NULL; variable++) printf("variable: %s\n", *variable);
  struct sigaction ignored, handled;
  sigaction(SIGUSR1, NULL, &ignored);
  sigaction(SIGUSR2, NULL, &handled);
  check("an ignored signal stays ignored", ignored.sa_handler == SIG_IGN);
  check("a handled signal is at its default", handled.sa_handler == SIG_DFL);
  sigset_t blocked, pending;
  sigprocmask(SIG_BLOCK, NULL, &blocked);
  sigpending(&pending);
  check("the mask stays", sigismember(&blocked, SIGHUP) == 1 && sigismember(&blocked, SIGUSR1) == 0);
  check("a pending signal stays", sigismember(&pending, SIGHUP) == 1);
  signal(SIGHUP, SIG_IGN);
  stack_t stack;
  sigaltstack(NULL, &stack);
  check("the alternate stack is gone", stack.ss_flags == SS_DISABLE);
  char text[64] = {0};
  number("read what stayed open", read(40, text, 63));
  printf("it read:%s\n", text);
  number("what was close-on-exec", read(41, text, 1));
  printf("the file mode mask is %o\n", umask(022));
  char line[600];
  snprintf(line, sizeof line, "#!%s  third with blanks \n", program);
  write_script("script", line);
  execve(script, (char *[]){"ignored", "A", "B", NULL}, (char *[]){NULL});
  outcome("the script", -1);
}

static void third_stage(int argc, char **argv) {
  check("the script's interpreter is argument 0", strcmp(argv[0], program) == 0);
  for (int i = 1; i < argc; i++) printf("script argument %d: %s\n", i, strcmp(argv[i], script) == 0 ? "its path" : argv[i]);
  char line[600];
  snprintf(line, sizeof line, "#!%s\n", script);
  write_script("inner", line);
  snprintf(line, sizeof line, "#!%s nested\n", program);
  write_script("script", line);
  execve("inner", (char *[]){"ignored", "C", NULL}, (char *[]){NULL});
  outcome("the nested script", -1);
}

static void last_stage(int argc, char **argv) {
  for (int i = 1; i < argc; i++) printf("nested argument %d: %s\n", i, last_component(argv[i]));
  int file = open(program, O_RDONLY);
  syscall(SYS_execveat, file, "", (char *[]){"by descriptor", "done", NULL}, (char *[]){NULL}, AT_EMPTY_PATH);
  outcome("execveat", -1);
}

int main(int argc, char **argv) {
  readlink("/proc/self/exe", program, sizeof program - 1);
  const char *stage = argc > 1 ? argv[1] : "";
  if (stage[0] == '/') enter_directory(argc, argv), stage = "first";
  getcwd(script, 400);
  strcat(script, "/script");
  if (strcmp(stage, "first") == 0) first_stage();
  if (strcmp(stage, "second") == 0) second_stage(argc, argv);
  if (strcmp(stage, "third with blanks") == 0) third_stage(argc, argv);
  if (strcmp(stage, "nested") == 0) last_stage(argc, argv);
  if (strcmp(stage, "done") == 0) return printf("argument 0 of the last: %s\n", argv[0]), finish();
  return 97;
}
