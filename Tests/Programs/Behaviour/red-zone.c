// SPDX-License-Identifier: Apache-2.0
// A leaf function works for long with live data in its red zone: an interrupt must not write there, nor into a
// stack that is only just large enough, nor notice where the stack pointer points.
#include "../support.h"

// Rotates 128 bytes below the stack pointer `rounds` times and returns whether they are what they must be.
long work_in_red_zone(uint64_t rounds);
__asm__(
    ".text\n.globl work_in_red_zone\n.type work_in_red_zone, @function\nwork_in_red_zone:\n"
    ".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n movq $0x1234567*\\n, -8*\\n(%rsp)\n .endr\n"
    "1:\n .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n rolq $1, -8*\\n(%rsp)\n .endr\n"
    "dec %rdi\n jnz 1b\n"
    "xor %eax, %eax\n"
    ".irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n"
    " mov $0x1234567*\\n, %ecx\n cmp %rcx, -8*\\n(%rsp)\n jne 2f\n .endr\n"
    "inc %eax\n2: ret\n");

// The same kind of wait, with the stack pointer set to `wild` and a system call before and after.
static long process_with_stack_pointer(uint64_t wild) {
  long first, second;
  __asm__ volatile(
      "mov %%rsp, %%rbx\n mov %3, %%rsp\n"
      "mov %2, %%eax\n syscall\n mov %%rax, %%r12\n"
      "mov $20000000, %%ecx\n 1: dec %%ecx\n jnz 1b\n"
      "mov %2, %%eax\n syscall\n mov %%rbx, %%rsp\n mov %%r12, %0\n"
      : "=&r"(first), "=&a"(second) : "i"(SYS_getpid), "r"(wild) : "rbx", "rcx", "r11", "r12", "memory");
  return first == second ? second : -2;
}

int main(void) {
  check("the red zone stays intact for 64 million steps", work_in_red_zone(64 * 62500) == 1);
  char *page = map_pages(2, PROT_READ | PROT_WRITE);
  mprotect(page, page_size, PROT_READ);
  const struct { const char *name; uint64_t value; } pointers[] = {
      {"0", 0}, {"1", 1}, {"not mapped", 0x123456789000}, {"not canonical", 0x8000000000000000},
      {"the upper half", 0xffff888000000000}, {"the end of the lower half", 0x7ffffffff000},
      {"above a read-only page", (uint64_t)page + page_size}, {"the middle of the address space", 0x480000000000},
      {"in the program's text", (uint64_t)(uintptr_t)main},
  };
  for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++) {
    printf("with the stack pointer %s ", pointers[i].name);
    check("system calls work", process_with_stack_pointer(pointers[i].value) == getpid());
  }
  return finish();
}
