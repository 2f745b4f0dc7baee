// SPDX-License-Identifier: Apache-2.0
// A handler that returns to a context that it has spoilt, one way a run, named by the argument.
#include "../support.h"
#include <signal.h>
#include <ucontext.h>

static const char *attack;
static bool is(const char *name) { return strcmp(attack, name) == 0; }

static void spoil(int signal, siginfo_t *information, void *pointer) {
  (void)signal, (void)information;
  ucontext_t *context = pointer;
  greg_t *registers = context->uc_mcontext.gregs;
  char *state = (char *)context->uc_mcontext.fpregs;
  if (is("instruction_not_canonical")) registers[REG_RIP] = (greg_t)0x8000000000000000;
  if (is("instruction_in_upper_half")) registers[REG_RIP] = (greg_t)0xffff800000000000;
  if (is("instruction_in_window")) registers[REG_RIP] = 0x480000000000;
  if (is("instruction_0")) registers[REG_RIP] = 0;
  if (is("stack_not_canonical")) registers[REG_RSP] = (greg_t)0x8000000000000000;
  if (is("stack_0")) registers[REG_RSP] = 0;
  if (is("stack_in_window")) registers[REG_RSP] = 0x480000000000;
  if (is("state_unaligned")) context->uc_mcontext.fpregs = (fpregset_t)(state + 8);
  if (is("state_nowhere")) context->uc_mcontext.fpregs = (fpregset_t)0x123456789000;
  if (is("state_in_window")) context->uc_mcontext.fpregs = (fpregset_t)0x480000000000;
  if (is("state_null")) context->uc_mcontext.fpregs = NULL;
  if (is("state_control")) memset(state + 24, 0xff, 4);           // MXCSR with reserved bits.
  if (is("state_header")) memset(state + 512, 0xff, 64);          // XSTATE_BV and XCOMP_BV with reserved bits.
  if (is("state_size")) memset(state + 464, 0xff, 48);            // The description of the extended state.
  if (is("state_random")) for (int i = 0; i < 576; i++) state[i] = (char)(i * 37 + 11);
  if (is("segments")) registers[REG_CSGSFS] = -1;
  if (is("segments_of_kernel")) registers[REG_CSGSFS] = 0x0010000000000010;
  if (is("flags_all")) registers[REG_EFL] = (greg_t)0xffffffffffffffff & ~0x100;
  if (is("flags_none")) registers[REG_EFL] = 0;
  if (is("mask_all")) memset(&context->uc_sigmask, 0xff, 8);
  if (is("stack_of_signals")) context->uc_stack = (stack_t){.ss_sp = (void *)8, .ss_size = 5, .ss_flags = 99};
}

int main(int argc, char **argv) {
  attack = argc == 2 ? argv[1] : "none";
  printf("attack: %s\n", attack);
  if (is("without_frame")) __asm__ volatile("mov $0x123456789000, %%rsp\n mov $15, %%eax\n syscall" : : : "memory");
  if (is("frame_of_zeros")) {
    char *page = map_pages(4, PROT_READ | PROT_WRITE);
    __asm__ volatile("mov %0, %%rsp\n mov $15, %%eax\n syscall" : : "r"(page + page_size) : "memory");
  }
  if (is("frame_in_window")) __asm__ volatile("mov $0x480000000000, %%rsp\n mov $15, %%eax\n syscall" : : : "memory");
  struct sigaction action = {.sa_sigaction = spoil, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  uint64_t flags;
  raise(SIGUSR1);
  __asm__ volatile("pushfq\n pop %0\n pushq $0x202\n popfq" : "=r"(flags));
  printf("after it: interrupts %s, privilege level of ports 0: %s\n", flags & 0x200 ? "on" : "off",
         flags & 0x3000 ? "no" : "yes");
  sigset_t blocked;
  sigprocmask(SIG_BLOCK, NULL, &blocked);
  printf("SIGKILL is blocked: %s\n", sigismember(&blocked, SIGKILL) ? "yes" : "no");
  for (volatile int i = 0; i < 10000000; i++) {}
  puts("the program goes on");
  return 0;
}
