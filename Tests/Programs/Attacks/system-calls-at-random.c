// SPDX-License-Identifier: Apache-2.0
// Random system calls with random arguments: as many thousands as the first argument says, from the seed in the second.
#include "wild.h"

static uint64_t state;

static uint64_t random_number(void) {  // xorshift64*
  state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
  return state * 2685821657736338717u;
}

static uint64_t random_argument(void) {
  uint64_t bits = random_number();
  switch (random_number() % 8) {
    case 0: return bits;
    case 1: return bits >> random_number() % 64;
    case 2: return 1UL << bits % 64;
    case 3: return bits % 64;
    case 4: return wild[bits % wild_count] + random_number() % 16 - 8;
    case 5: return wild[valid] + bits % (2 * page_size);
    default: return wild[bits % wild_count];
  }
}

// These would act on this program itself, by chance: a signal that kills, a descriptor that is needed, no more timer.
static bool is_harmful(long number, const uint64_t *arguments) {
  switch (number) {
    case SYS_kill: case SYS_tkill: case SYS_tgkill: case SYS_rt_sigqueueinfo: case SYS_rt_tgsigqueueinfo:
    case SYS_pidfd_send_signal: case SYS_fcntl: case SYS_prctl: case SYS_rt_sigaction: case SYS_execve: case SYS_execveat:
    case SYS_rt_sigprocmask: case SYS_setitimer: case SYS_alarm:
      return true;
    case SYS_dup2: case SYS_dup3: return (uint32_t)arguments[1] == saved_output;
    case SYS_close: return (uint32_t)arguments[0] == saved_output;
  }
  for (int i = 0; i < 6; i++)
    if ((uint32_t)arguments[i] == saved_output) return true;
  return false;
}

int main(int argc, char **argv) {
  refuse_to_run_on_linux();
  long thousands = argc > 1 ? atol(argv[1]) : 1;
  state = argc > 2 ? strtoul(argv[2], NULL, 0) | 1 : 1;
  make_wild_values();
  hide_output();
  for (long i = 0; i < thousands * 1000; i++) {
    if (i % 50 == 0) clean_up(), arm_timer();
    uint64_t arguments[6];
    long number = (long)(random_number() % (last_system_call + 1));
    for (int j = 0; j < 6; j++) arguments[j] = random_argument();
    if (is_left_out((int)number) || is_harmful(number, arguments)) continue;
    syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
  }
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
  clean_up();
  say(is_alive() ? "done\n" : "nothing works any more\n");
  return 0;
}
