// SPDX-License-Identifier: Apache-2.0
// Faults as signals: signal, code and address of each, recovery by siglongjmp and by a changed instruction pointer,
// and the overflow of a stack, caught on an alternate stack.
#include "../faults.h"

static char *no_access, *read_only;
static char in_data[64] = {(char)0xc3};

static __attribute__((noinline)) int fault_of(void (*action)(void)) {
  if (sigsetjmp(after_fault, 1)) return last_fault.si_signo;
  action();
  return 0;
}

// Where the faulting instruction of the next action lies: signals of the processor carry it as their address.
static void *instruction;
#define INSTRUCTION(text) \
  __asm__ volatile("lea 1f(%%rip), %%rax\n\tmov %%rax, %0\n\txor %%edx, %%edx\n\tmov $1, %%eax\n1:\t" text \
                   : "=m"(instruction) : "c"(0) : "rax", "rdx", "memory")

static void divide_by_zero(void) { INSTRUCTION("idivl %%ecx"); }
static void divide_overflow(void) {
  __asm__ volatile("lea 1f(%%rip), %%rcx\n\tmov %%rcx, %0\n\tmov $0x80000000, %%eax\n\tcltd\n\tmov $-1, %%ecx\n1:\tidivl %%ecx"
                   : "=m"(instruction) : : "rax", "rcx", "rdx", "memory");
}
static void undefined(void) { INSTRUCTION("ud2"); }
static void breakpoint(void) { INSTRUCTION("int3"); }
static void trace_step(void) {
  __asm__ volatile("lea 1f(%%rip), %%rax\n\tmov %%rax, %0\n\tpushfq\n\torl $0x100, (%%rsp)\n\tpopfq\n\tnop\n1:\tnop"
                   : "=m"(instruction) : : "rax", "memory");
}
// By the x87 unit: QEMU's emulation never raises the exceptions of vector instructions.
static void floating_division(void) {
  __asm__ volatile("fninit\n\tfldcw %1\n\tfld1\n\tfldz\n\tlea 1f(%%rip), %%rax\n\tmov %%rax, %0\n\tfdivrp\n1:\tfwait"
                   : "=m"(instruction) : "m"((uint16_t){0x037b}) : "rax", "memory");
}
static void not_canonical(void) { (void)*(volatile char *)0x8000000000000000; }
static void far_away(void) { (void)*(volatile char *)0x7ffffffff123; }

static void processor_faults(void) {
  const struct { const char *name; void (*action)(void); bool has_address; } cases[] = {
      {"division by zero", divide_by_zero, true},
      {"division that overflows", divide_overflow, true},
      {"undefined instruction", undefined, true},
      {"breakpoint", breakpoint, false},
      {"single step", trace_step, true},
      {"floating division by zero", floating_division, true},
      {"an address that is not canonical", not_canonical, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int signal = fault_of(cases[i].action);
    fault(cases[i].name, signal, cases[i].has_address ? instruction : NULL);
    __asm__ volatile("fninit");
  }
}

static void memory_faults(void) {
  fault("read address 0", fault_of_read(NULL), NULL);
  fault("read address 12", fault_of_read((char *)12), (char *)12);
  fault("write address 0xfff0", fault_of_write((char *)0xfff0), (char *)0xfff0);
  fault("call address 0", fault_of_call(NULL), NULL);
  fault("read the end of the lower half", fault_of(far_away), (char *)0x7ffffffff123);
  fault("read without permission", fault_of_read(no_access + 100), no_access + 100);
  fault("write without permission", fault_of_write(read_only + 4095), read_only + 4095);
  fault("write to the program's text", fault_of_write((char *)(uintptr_t)memory_faults), (char *)(uintptr_t)memory_faults);
  fault("call the program's data", fault_of_call(in_data), in_data);
  char on_stack[16] = {(char)0xc3};
  fault("call the stack", fault_of_call(on_stack), on_stack);
}

// A handler that steps over the instruction instead of leaving: it finds where to go on in `resume_at`.
static uintptr_t resume_at;
static void step_over(int signal, siginfo_t *information, void *context) {
  (void)signal, (void)information;
  ucontext_t *interrupted = context;
  interrupted->uc_mcontext.gregs[REG_RIP] = (long)resume_at;
  interrupted->uc_mcontext.gregs[REG_RAX] = interrupted->uc_mcontext.gregs[REG_R12] + 1;
}

static void changed_context(void) {
  struct sigaction action = {.sa_sigaction = step_over, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, NULL);
  long answer;
  __asm__ volatile("lea 1f(%%rip), %%rax\n\tmov %%rax, %1\n\tmov $41, %%r12d\n\tmovb $0, 8\n1:"
                   : "=a"(answer), "=m"(resume_at) : : "r12", "memory");
  number("the handler read r12, wrote rax and rip", answer);
  catch_faults();
}

static volatile bool forever = true;
static __attribute__((noinline)) int overflow(int level) {
  volatile char frame[4096];
  frame[0] = (char)level;
  return forever ? overflow(level + 1) + frame[0] : 0;
}

static void overflow_stack(void) { overflow(0); }

int main(void) {
  static char alternate[1 << 16];
  sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = sizeof alternate}, NULL);
  catch_faults();
  no_access = map_pages(1, PROT_NONE);
  read_only = map_pages(1, PROT_READ);
  memory_faults();
  processor_faults();
  changed_context();
  printf("overflow of the stack: signal %d\n", fault_of(overflow_stack));
  printf("and once more: signal %d\n", fault_of(overflow_stack));
  return finish();
}
