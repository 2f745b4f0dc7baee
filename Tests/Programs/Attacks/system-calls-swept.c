// SPDX-License-Identifier: Apache-2.0
// Every system call, every argument, every wild value: first all six arguments alike, then one wild value in each
// place with the others valid. The kernel must survive and the program must still work after each call.
#include "wild.h"

static char progress[100];

static void call(long number, const uint64_t *arguments) {
  syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

static void sweep(long number) {
  uint64_t arguments[6];
  for (int value = 0; value < wild_count; value++) {
    for (int i = 0; i < 6; i++) arguments[i] = wild[value];
    call(number, arguments);
    for (int place = 0; place < 6; place++)
      for (int others = 0; others < 2; others++) {
        for (int i = 0; i < 6; i++) arguments[i] = others == 0 ? 0 : wild[valid];
        arguments[place] = wild[value];
        call(number, arguments);
      }
  }
}

int main(void) {
  refuse_to_run_on_linux();
  make_wild_values();
  hide_output();
  int swept = 0;
  const long beyond[] = {-1, 471, 511, 512, 547, 1000, 0x40000000, 0x40000027, 0x7fffffff, 0x80000000, 1L << 32, 1L << 63};
  for (long i = 0; i <= last_system_call + (long)(sizeof beyond / sizeof *beyond); i++) {
    long number = i <= last_system_call ? i : beyond[i - last_system_call - 1];
    if (is_left_out((int)number)) continue;
    clean_up();
    arm_timer();
    sweep(number);
    clean_up();
    swept++;
    if (!is_alive()) {
      snprintf(progress, sizeof progress, "after system call %ld nothing works any more\n", number);
      say(progress);
      return 1;
    }
  }
  snprintf(progress, sizeof progress, "%d system calls swept\ndone\n", swept);
  say(progress);
  return 0;
}
