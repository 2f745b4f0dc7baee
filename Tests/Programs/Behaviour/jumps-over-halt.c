// SPDX-License-Identifier: Apache-2.0
// Comes to places behind a `hlt` in every other way than through it, again and again, as the assertions of musl's
// allocator do: an interrupt that finds the program there must not be taken for one that woke the processor.
#include "../support.h"

// Once around: `way` leads from before the `hlt` behind it.
#define AROUND(name, way) \
  static uint64_t name(uint64_t rounds) { \
    uint64_t done = 0; \
    __asm__ volatile( \
        "1: inc %0\n" way "nop\n nop\n cmp %0, %1\n jne 1b\n" \
        : "+r"(done) : "r"(rounds) : "rax", "rcx", "memory", "cc"); \
    return done; \
  }

AROUND(conditional, "test %%rsp, %%rsp\n jnz 2f\n hlt\n 2:")
AROUND(conditional_near, "test %%rsp, %%rsp\n .byte 0x0f, 0x85\n .long 2f - . - 4\n hlt\n 2:")
AROUND(unconditional, "jmp 2f\n hlt\n 2:")
AROUND(unconditional_near, ".byte 0xe9\n .long 2f - . - 4\n hlt\n 2:")
AROUND(with_prefix, "jmp 2f\n nop\n hlt\n 2:\n .byte 0x3e\n jmp 3f\n hlt\n 3:")
AROUND(by_counter, "xor %%ecx, %%ecx\n jrcxz 2f\n hlt\n 2:")
AROUND(by_address, "lea 2f(%%rip), %%rax\n jmp *%%rax\n hlt\n 2:")
AROUND(by_call, "jmp 3f\n hlt\n 2: nop\n ret\n 3: sub $256, %%rsp\n call 2b\n add $256, %%rsp\n")
AROUND(backwards, "jmp 3f\n hlt\n 2: jmp 4f\n 3: test %%rsp, %%rsp\n jnz 2b\n hlt\n 4:")
// The byte is the end of another instruction.
AROUND(in_immediate, "mov $0xf4000000, %%eax\n jmp 2f\n 2: .byte 0x48, 0x83, 0xc0, 0xf4\n jmp 3f\n 3:")
AROUND(in_displacement, "xor %%eax, %%eax\n .byte 0x8b, 0x44, 0x24, 0xf4\n jmp 3f\n 3:")

int main(void) {
  const uint64_t rounds = 40000000;
#define WAY(name) number(#name, (long)name(rounds))
  WAY(conditional);
  WAY(conditional_near);
  WAY(unconditional);
  WAY(unconditional_near);
  WAY(with_prefix);
  WAY(by_counter);
  WAY(by_address);
  WAY(by_call);
  WAY(backwards);
  WAY(in_immediate);
  WAY(in_displacement);
  return 0;
}
