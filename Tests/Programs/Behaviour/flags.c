// SPDX-License-Identifier: Apache-2.0
// System calls with unusual processor flags set: each must work, and leave the flag as it was.
#include "../support.h"

// Reads 100 bytes of /dev/zero with `flags` set in RFLAGS; returns the result and the flags right after the call.
static long read_with_flags(int file, char *buffer, uint64_t flags, uint64_t *after) {
  long result;
  __asm__ volatile(
      "pushfq\n pop %%rbx\n push %%rbx\n or %4, (%%rsp)\n popfq\n"
      "syscall\n pushfq\n pop %1\n push %%rbx\n popfq\n"
      : "=a"(result), "=&r"(*after) : "a"(SYS_read), "D"((long)file), "r"(flags), "S"(buffer), "d"(100L)
      : "rbx", "rcx", "r11", "memory");
  return result;
}

int main(void) {
  const struct { const char *name; uint64_t flag; } cases[] = {
      {"direction", 1 << 10}, {"nested task", 1 << 14}, {"alignment check", 1 << 18}, {"identification", 1 << 21},
  };
  int zero = need("open /dev/zero", open("/dev/zero", O_RDONLY));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char buffer[300];
    uint64_t after = 0;
    memset(buffer, 'x', sizeof buffer);
    printf("with the %s flag ", cases[i].name);
    number("read", read_with_flags(zero, buffer + 100, cases[i].flag, &after));
    check("the bytes went where they should",
          all_bytes(buffer, 100, 'x') && all_bytes(buffer + 100, 100, 0) && all_bytes(buffer + 200, 100, 'x'));
    check("the flag is as it was", (after & cases[i].flag) != 0);
    check("interrupts are on", (after & 0x200) != 0);
  }
  return finish();
}
