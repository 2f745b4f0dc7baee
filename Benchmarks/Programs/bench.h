// SPDX-License-Identifier: Apache-2.0
// What the benchmark programs share. Each is one unmodified Linux program that writes lines for
// the runner to standard output, every one of them beginning with "B ":
//
//     B main tsc=TICKS                      the first line of every program
//     B op NAME iters=N min=TICKS med=TICKS ticks for one operation: least and median batch
//     B op NAME FAIL errno=NUMBER
//     B figure NAME value=NUMBER            what the program measured itself, in the unit of the row
//     B end                                 the last line
//
// Ticks are those of the processor's time stamp counter. Under `qemu -icount shift=2` every
// executed guest instruction is four ticks, so the same lines then count instructions.
#ifndef BENCH_H
#define BENCH_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline uint64_t ticks(void) {
  uint32_t low, high;
  __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
  return (uint64_t)high << 32 | low;
}

// Tells the counting plugin (../Plugin/count.c) to keep its count at this instruction, which does
// nothing anywhere else.
static inline void mark(void) { __asm__ volatile("xchg %%bx, %%bx" ::: "memory"); }

// Writes a line with write(2) and nothing of stdio's buffers, so that it works at once.
__attribute__((format(printf, 1, 2), unused)) static void say(const char *format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (length >= (int)sizeof line)
    length = sizeof line - 1;
  for (int written = 0; written < length;) {
    ssize_t count = write(1, line + written, length - written);
    if (count <= 0)
      return;
    written += count;
  }
}

// The end of a run. Linux panics when its first process exits, so that asks for a restart instead,
// which ends QEMU (-no-reboot). Elsewhere the call fails and the program just exits.
__attribute__((noreturn, unused)) static void end_run(void) {
  say("B end\n");
  if (getpid() == 1)
    syscall(SYS_reboot, 0xfee1dead, 672274793, 0x01234567, 0);
  _exit(0);
}

#endif
