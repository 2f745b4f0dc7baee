// SPDX-License-Identifier: Apache-2.0
// What a system call, a page fault and an interrupt must leave alone: every register but rax, rcx and r11 of a call, the
// vector registers, and the flags. C libraries keep live values in all of them.
#include "../support.h"
#include <time.h>

enum { general_count = 15 };
static const char *const names[general_count] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8",
                                                 "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
struct registers {  // The assembly knows these offsets.
  uint64_t general[general_count], filler;
  unsigned char vectors[16 * 16];
};
_Static_assert(offsetof(struct registers, vectors) == 128, "offset");

// Loads every register, executes the instructions, and stores every register.
#define AROUND(name, instructions) \
  void name(const struct registers *before, struct registers *after); \
  __asm__( \
      ".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n" \
      "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n push %rsi\n push %rdi\n" \
      ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n movdqu 128+\\n*16(%rdi), %xmm\\n\n .endr\n" \
      "mov 0(%rdi),%rax\n mov 8(%rdi),%rbx\n mov 16(%rdi),%rcx\n mov 24(%rdi),%rdx\n mov 32(%rdi),%rsi\n" \
      "mov 48(%rdi),%rbp\n mov 56(%rdi),%r8\n mov 64(%rdi),%r9\n mov 72(%rdi),%r10\n mov 80(%rdi),%r11\n" \
      "mov 88(%rdi),%r12\n mov 96(%rdi),%r13\n mov 104(%rdi),%r14\n mov 112(%rdi),%r15\n mov 40(%rdi),%rdi\n" \
      instructions "\n" \
      "push %rdi\n mov 16(%rsp),%rdi\n" \
      "mov %rax,0(%rdi)\n mov %rbx,8(%rdi)\n mov %rcx,16(%rdi)\n mov %rdx,24(%rdi)\n mov %rsi,32(%rdi)\n" \
      "mov %rbp,48(%rdi)\n mov %r8,56(%rdi)\n mov %r9,64(%rdi)\n mov %r10,72(%rdi)\n mov %r11,80(%rdi)\n" \
      "mov %r12,88(%rdi)\n mov %r13,96(%rdi)\n mov %r14,104(%rdi)\n mov %r15,112(%rdi)\n" \
      "pop %rax\n mov %rax,40(%rdi)\n" \
      ".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n movdqu %xmm\\n, 128+\\n*16(%rdi)\n .endr\n" \
      "pop %rdi\n pop %rsi\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n")

AROUND(around_call, "syscall");
AROUND(around_fault, "movb $1, (%rbx)");
AROUND(around_interrupts, "push %rcx\n mov $50000000, %ecx\n 1: dec %ecx\n jnz 1b\n pop %rcx");

static void compare(const char *what, const struct registers *before, const struct registers *after, unsigned changed) {
  printf("%s:", what);
  for (int i = 0; i < general_count; i++)
    if ((changed >> i & 1) == 0 && before->general[i] != after->general[i]) {
      printf(" changes %s", names[i]);
      checks_that_failed++;
    }
  bool vectors = memcmp(before->vectors, after->vectors, sizeof before->vectors) == 0;
  checks_that_failed += !vectors;
  printf("%s\n", vectors ? " vectors stay" : " changes vectors");
}

static struct registers filled(void) {
  struct registers registers;
  for (int i = 0; i < general_count; i++) registers.general[i] = 0x1111111111111111u * (i + 1u);
  for (size_t i = 0; i < sizeof registers.vectors; i++) registers.vectors[i] = (unsigned char)(i * 7 + 1);
  return registers;
}

static long call(const char *what, long number, long a, long b, long c, long d, long e, long f) {
  enum { rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11 };
  struct registers before = filled(), after;
  before.general[rax] = number;
  before.general[rdi] = a, before.general[rsi] = b, before.general[rdx] = c;
  before.general[r10] = d, before.general[r8] = e, before.general[r9] = f;
  around_call(&before, &after);
  compare(what, &before, &after, 1 << rax | 1 << rcx | 1 << r11);
  return (long)after.general[rax];
}

static void system_calls(void) {
  char buffer[512];
  int ends[2];
  pipe(ends);
  struct timespec pause = {0, 2000000};
  call("getpid", SYS_getpid, 1, 2, 3, 4, 5, 6);
  call("a call that does not exist", 9999, 1, 2, 3, 4, 5, 6);
  call("a call that fails", SYS_close, -1, 2, 3, 4, 5, 6);
  call("clock_gettime", SYS_clock_gettime, CLOCK_MONOTONIC, (long)buffer, 3, 4, 5, 6);
  call("write", SYS_write, ends[1], (long)"text", 4, 4, 5, 6);
  call("read", SYS_read, ends[0], (long)buffer, 4, 4, 5, 6);
  call("write from nowhere", SYS_write, ends[1], 8, 4, 4, 5, 6);
  call("open", SYS_open, (long)"/", O_RDONLY, 3, 4, 5, 6);
  call("stat", SYS_stat, (long)"/", (long)buffer, 3, 4, 5, 6);
  call("nanosleep", SYS_nanosleep, (long)&pause, 0, 3, 4, 5, 6);
  call("getrandom", SYS_getrandom, (long)buffer, 100, 0, 4, 5, 6);
  long memory = call("mmap", SYS_mmap, 0, 40 * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset((void *)memory, 1, 40 * page_size);
  call("mprotect", SYS_mprotect, memory, page_size, PROT_READ, 4, 5, 6);
  call("madvise", SYS_madvise, memory, 2 * page_size, MADV_DONTNEED, 4, 5, 6);
  memory = call("mremap", SYS_mremap, memory + 8 * page_size, 32 * page_size, 900 * page_size, MREMAP_MAYMOVE, 5, 6);
  call("munmap", SYS_munmap, memory, 900 * page_size, 3, 4, 5, 6);
  call("munmap of nothing", SYS_munmap, memory, 900 * page_size, 3, 4, 5, 6);
  long heap = call("brk", SYS_brk, 0, 2, 3, 4, 5, 6);
  call("brk that grows", SYS_brk, heap + 100 * page_size, 2, 3, 4, 5, 6);
  call("brk that shrinks", SYS_brk, heap, 2, 3, 4, 5, 6);
  call("rt_sigprocmask", SYS_rt_sigprocmask, 0, 0, (long)buffer, 8, 5, 6);
}

int main(void) {
  system_calls();
  struct registers before = filled(), after;
  before.general[1] = (uint64_t)map_pages(1, PROT_READ | PROT_WRITE);
  around_fault(&before, &after);
  compare("a page fault", &before, &after, 0);
  before = filled();
  around_interrupts(&before, &after);
  compare("interrupts", &before, &after, 0);
  return finish();
}
