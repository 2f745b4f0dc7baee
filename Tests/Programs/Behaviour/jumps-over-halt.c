// SPDX-License-Identifier: Apache-2.0
// Jumps over a `hlt` again and again, as the assertions of musl's allocator do: an interrupt that comes right behind
// the byte must not be taken for one that woke the processor from it.
#include "../support.h"

static uint64_t jump_over(uint64_t rounds) {
  uint64_t done = 0;
  __asm__ volatile(
      "1: inc %0\n"
      "test %%rsp, %%rsp\n jnz 2f\n hlt\n 2: nop\n nop\n"
      "test %%rsp, %%rsp\n jnz 3f\n hlt\n 3: nop\n nop\n"
      "cmp %0, %1\n jne 1b\n"
      : "+r"(done) : "r"(rounds) : "memory");
  return done;
}

int main(void) {
  number("rounds", (long)jump_over(300000000));
  return 0;
}
