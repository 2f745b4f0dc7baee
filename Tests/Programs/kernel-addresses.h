// SPDX-License-Identifier: Apache-2.0
// For the attacks: where the kernel lies. On a Linux host the instructions that tell it end the program with SIGSEGV,
// so nothing here can do harm there; and the attacks that could (by system calls) refuse to run where fork works.
#pragma once
#include "support.h"
#include <sys/wait.h>

enum { kernel_window_shift = 44, kernel_window = 4 };

static inline bool is_in_kernel_window(uint64_t address) { return address >> kernel_window_shift == kernel_window; }

// The entry point of system calls: kernel text.
static inline uint64_t kernel_text_address(void) {
  uint32_t low, high;
  __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000082));
  return (uint64_t)high << 32 | low;
}

struct descriptor_table { uint16_t limit; uint64_t base; } __attribute__((packed));

static inline uint64_t interrupt_table_address(void) {
  struct descriptor_table table;
  __asm__ volatile("sidt %0" : "=m"(table));
  return table.base;
}

static inline uint64_t segment_table_address(void) {
  struct descriptor_table table;
  __asm__ volatile("sgdt %0" : "=m"(table));
  return table.base;
}

static inline void refuse_to_run_on_linux(void) {
  pid_t child = fork();
  if (child == 0) _exit(0);
  if (child == -1 && errno == ENOSYS) return;
  waitpid(child, NULL, 0);
  puts("refused: this program would harm a machine that is not its own; it is for Vorteil, which runs one process");
  exit(2);
}
