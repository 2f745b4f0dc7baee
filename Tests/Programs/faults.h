// SPDX-License-Identifier: Apache-2.0
// Runs an action that may fault and says how it ended: "fine", or the signal, its code and its address.
#pragma once
#include "support.h"
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

static sigjmp_buf after_fault;
static volatile siginfo_t last_fault;

static inline void note_fault(int signal, siginfo_t *information, void *context) {
  (void)signal, (void)context;
  last_fault = *information;
  siglongjmp(after_fault, 1);
}

static inline void catch_faults(void) {
  struct sigaction action = {.sa_sigaction = note_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigemptyset(&action.sa_mask);
  const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
}

static inline const char *fault_name(int signal, int code) {
  switch (signal) {
    case SIGSEGV: return code == SEGV_MAPERR ? "SIGSEGV not mapped" : code == SEGV_ACCERR ? "SIGSEGV not allowed"
                                                                  : code == 0x80          ? "SIGSEGV from the kernel"
                                                                                          : "SIGSEGV other";
    case SIGBUS: return code == BUS_ADRERR ? "SIGBUS no such address" : "SIGBUS other";
    case SIGFPE: return code == FPE_INTDIV ? "SIGFPE integer division" : code == FPE_FLTDIV ? "SIGFPE division"
                                                                     : code == FPE_FLTINV   ? "SIGFPE invalid"
                                                                                            : "SIGFPE other";
    case SIGILL: return code == ILL_ILLOPN ? "SIGILL operand" : "SIGILL other";
    case SIGTRAP: return code == TRAP_TRACE ? "SIGTRAP trace" : code == 0x80 ? "SIGTRAP from the kernel" : "SIGTRAP other";
  }
  return "another signal";
}

// 0, or the signal that the access raised (its details are in last_fault). Not inline, because siglongjmp must not
// meet variables of the caller in registers.
static __attribute__((noinline, unused)) int fault_of_read(const volatile char *address) {
  if (sigsetjmp(after_fault, 1)) return last_fault.si_signo;
  (void)*address;
  return 0;
}

static __attribute__((noinline, unused)) int fault_of_write(volatile char *address) {
  if (sigsetjmp(after_fault, 1)) return last_fault.si_signo;
  *address = 1;
  return 0;
}

static __attribute__((noinline, unused)) int fault_of_call(const void *address) {
  if (sigsetjmp(after_fault, 1)) return last_fault.si_signo;
  ((void (*)(void))(uintptr_t)address)();
  return 0;
}

// "what: fine" or "what: SIGSEGV not allowed, at the address: yes".
static inline void fault(const char *what, int signal, const volatile void *address) {
  __asm__("" : "+r"(address));  // Else the compiler says that nobody can know the address of a local variable.
  if (signal == 0)
    printf("%s: fine\n", what);
  else
    printf("%s: %s, at the address: %s\n", what, fault_name(signal, last_fault.si_code),
           last_fault.si_addr == (void *)address ? "yes" : "NO");
}
