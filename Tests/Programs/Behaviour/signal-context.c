// SPDX-License-Identifier: Apache-2.0
// What a signal handler must leave as it was, and what it may change: general and vector registers, the control
// words, the direction flag, and the red zone below the stack pointer of the function it interrupts.
#include "../support.h"
#include <signal.h>
#include <ucontext.h>

static volatile int calls;
static volatile bool aligned, direction_clear, vectors_in_frame;
static bool change_vectors;

static void spoil(int signal, siginfo_t *information, void *context) {
  (void)signal, (void)information;
  ucontext_t *interrupted = context;
  calls++;
  uint64_t flags;
  __asm__ volatile("pushfq\n\tpop %0" : "=r"(flags));
  direction_clear = (flags & 0x400) == 0;
  aligned = ((uintptr_t)__builtin_frame_address(0) & 15) == 0;
  fpregset_t state = interrupted->uc_mcontext.fpregs;
  vectors_in_frame = state != NULL && ((const uint32_t *)state)[(160 + 5 * 16) / 4] == 0x05050505;
  if (change_vectors) memset((char *)state + 160 + 5 * 16, 0x77, 16);
  __asm__ volatile(
      "pcmpeqd %%xmm0, %%xmm0\n\tmovdqa %%xmm0, %%xmm5\n\tmovdqa %%xmm0, %%xmm8\n\tmovdqa %%xmm0, %%xmm15\n\t"
      "fninit\n\tfldpi\n\tldmxcsr %0"
      : : "m"((uint32_t){0x7f80}) : "xmm0", "xmm5", "xmm8", "xmm15");
  interrupted->uc_mcontext.gregs[REG_RIP] += 2;  // Over the ud2.
}

struct registers {  // The assembly knows these offsets.
  unsigned char vectors[16 * 16];
  uint64_t general[15], filler, red_zone[16];
  uint32_t vector_control;
  uint16_t x87_control;
};
_Static_assert(offsetof(struct registers, general) == 256 && offsetof(struct registers, red_zone) == 384, "offsets");
_Static_assert(offsetof(struct registers, vector_control) == 512, "offsets");
_Static_assert(offsetof(struct registers, x87_control) == 516, "offsets");

// Fills every register and the red zone with known values, raises SIGILL, and stores what it finds afterwards.
void registers_around_signal(const struct registers *before, struct registers *after);
__asm__(
    ".text\n.globl registers_around_signal\n.type registers_around_signal, @function\nregisters_around_signal:\n"
    "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n push %rsi\n push %rdi\n"
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n movdqu \\n*16(%rdi), %xmm\\n\n .endr\n"
    "ldmxcsr 512(%rdi)\n fldcw 516(%rdi)\n"
    ".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n movq $0x1111*\\n, -8*\\n(%rsp)\n .endr\n"
    "mov $1,%eax\n mov $2,%ebx\n mov $3,%ecx\n mov $4,%edx\n mov $5,%esi\n mov $6,%edi\n mov $7,%ebp\n"
    ".irp n, 8,9,10,11,12,13,14,15\n mov $\\n, %r\\n\n .endr\n"
    "std\n ud2\n cld\n"  // The red zone is live here: no push before it is stored.
    "xchg %rax, 8(%rsp)\n"
    ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n movdqu %xmm\\n, \\n*16(%rax)\n .endr\n"
    "stmxcsr 512(%rax)\n fnstcw 516(%rax)\n"
    "mov %rbx,264(%rax)\n mov %rcx,272(%rax)\n mov %rdx,280(%rax)\n mov %rsi,288(%rax)\n mov %rdi,296(%rax)\n"
    "mov %rbp,304(%rax)\n"
    ".irp n, 8,9,10,11,12,13,14,15\n mov %r\\n, 312+8*(\\n-8)(%rax)\n .endr\n"
    ".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n mov -8*\\n(%rsp), %rbx\n mov %rbx, 376+8*\\n(%rax)\n .endr\n"
    "mov 8(%rsp), %rbx\n mov %rbx, 256(%rax)\n"
    "pop %rdi\n pop %rsi\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");

int main(void) {
  struct sigaction action = {.sa_sigaction = spoil, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  sigaction(SIGILL, &action, NULL);
  for (int round = 0; round < 2; round++) {
    struct registers before = {.vector_control = 0x3f80, .x87_control = 0x0e7f}, after = {0};
    for (int i = 0; i < 256; i++) before.vectors[i] = (unsigned char)(i / 16);
    change_vectors = round == 1;
    registers_around_signal(&before, &after);
    if (change_vectors) memset(before.vectors + 5 * 16, 0x77, 16);
    printf("round %d, handler calls: %d\n", round, calls);
    check(round == 0 ? "vector registers survive" : "a changed vector register is restored as changed",
          memcmp(before.vectors, after.vectors, 256) == 0);
    bool general = true, red_zone = true;
    for (unsigned i = 0; i < 15; i++) general = general && after.general[i] == i + 1;
    for (unsigned i = 1; i <= 16; i++) red_zone = red_zone && after.red_zone[i - 1] == 0x1111 * i;
    check("general registers survive", general);
    check("the red zone survives", red_zone);
    check("control words survive", after.vector_control == 0x3f80 && after.x87_control == 0x0e7f);
    check("the handler's stack was aligned", aligned);
    check("the direction flag was clear in the handler", direction_clear);
    check("the handler found the vector registers in its context", vectors_in_frame);
    __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"((uint32_t){0x1f80}));
  }
  return finish();
}
