// SPDX-License-Identifier: Apache-2.0
// The FS and GS bases, which belong to the program: by arch_prctl, by the instructions of FSGSBASE, by selectors.
#include "../support.h"
#include <sys/auxv.h>

enum { ARCH_SET_GS = 0x1001, ARCH_SET_FS = 0x1002, ARCH_GET_FS = 0x1003, ARCH_GET_GS = 0x1004 };

static uint64_t area[4] = {11, 22, 33, 44};

static uint64_t load_through_gs(void) {
  uint64_t value;
  __asm__ volatile("movq %%gs:8, %0" : "=r"(value));
  return value;
}

static void work(void) {
  for (volatile int i = 0; i < 20000000; i++) {}  // Long enough for interrupts.
  for (int i = 0; i < 100; i++) getppid();
}

int main(void) {
  uint64_t fs = 0, gs = 1, thread_pointer;
  __asm__("movq %%fs:0, %0" : "=r"(thread_pointer));
  outcome("ARCH_GET_FS", syscall(SYS_arch_prctl, ARCH_GET_FS, &fs));
  check("it is the thread pointer", fs == thread_pointer);
  outcome("ARCH_SET_GS", syscall(SYS_arch_prctl, ARCH_SET_GS, area));
  work();
  outcome("ARCH_GET_GS", syscall(SYS_arch_prctl, ARCH_GET_GS, &gs));
  check("GS is where it was set, after interrupts and system calls", gs == (uint64_t)area && load_through_gs() == 22);
  outcome("a GS base in the upper half", syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffff800000000000));
  outcome("a FS base that is not canonical", syscall(SYS_arch_prctl, ARCH_SET_FS, 0x8000000000000000));
  outcome("an unknown command", syscall(SYS_arch_prctl, 0x9999, 0));
  outcome("an answer into nowhere", syscall(SYS_arch_prctl, ARCH_GET_FS, 8));

  if (getauxval(AT_HWCAP2) & 2) {
    __asm__ volatile("wrgsbase %0" : : "r"(area + 1));
    work();
    __asm__ volatile("rdgsbase %0" : "=r"(gs));
    __asm__ volatile("rdfsbase %0" : "=r"(fs));
  } else {
    syscall(SYS_arch_prctl, ARCH_SET_GS, area + 1);
    work();
    syscall(SYS_arch_prctl, ARCH_GET_GS, &gs);
  }
  check("GS is where the program wrote it", gs == (uint64_t)(area + 1) && load_through_gs() == 33);
  check("FS is still the thread pointer", fs == thread_pointer);

  __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%gs" : : "r"(0));
  work();
  check("null selectors do no harm", syscall(SYS_getpid) == getpid());
  return finish();
}
