// SPDX-License-Identifier: Apache-2.0
// Says "ready" and waits for an interrupt, in the way that its argument names.
#include "../support.h"
#include <signal.h>

static void on_interrupt(int signal) {
  (void)signal;
  write(1, "caught\n", 7);
  _exit(42);
}

int main(int argc, char **argv) {
  const char *way = argc > 1 ? argv[1] : "";
  if (strcmp(way, "handler") == 0 || strcmp(way, "read") == 0) signal(SIGINT, on_interrupt);
  if (strcmp(way, "ignored") == 0) signal(SIGINT, SIG_IGN);
  puts("ready");
  if (strcmp(way, "read") == 0) read(0, &(char){0}, 1);
  if (strcmp(way, "pause") == 0) pause();
  if (strcmp(way, "interrupts-off") == 0) __asm__ volatile("cli\n 1: jmp 1b");
  for (;;) __asm__ volatile("");
}
