// SPDX-License-Identifier: Apache-2.0
// Crashes three functions deep, in the way that its argument names: for the report that a crash must leave.
#include "../support.h"

static char in_data[16] = {(char)0xc3};

__attribute__((noinline)) void innermost_function(const char *kind) {
  if (strcmp(kind, "write") == 0) *(volatile char *)0x12345678 = 1;
  if (strcmp(kind, "execute") == 0) ((void (*)(void))(uintptr_t)in_data)();
  if (strcmp(kind, "undefined") == 0) __asm__ volatile("ud2");
  if (strcmp(kind, "abort") == 0) abort();
  puts("no such crash");
}

__attribute__((noinline)) void middle_function(const char *kind) {
  innermost_function(kind);
  __asm__ volatile("");  // No tail call: each function must stand in the backtrace.
}

__attribute__((noinline)) void outer_function(const char *kind) {
  middle_function(kind);
  __asm__ volatile("");
}

int main(int argc, char **argv) {
  puts("before the crash");
  outer_function(argc > 1 ? argv[1] : "");
  return 0;
}
