// SPDX-License-Identifier: Apache-2.0
// Prints where this boot put everything, one "name address" a line; the test compares several boots.
// With the argument "kernel" it prints the kernel's addresses, too, which only ring 0 can ask for.
#include "../kernel-addresses.h"
#include <sys/auxv.h>

static int in_data;

static void print(const char *name, const volatile void *address) { printf("%s %lx\n", name, (unsigned long)address); }

int main(int argc, char **argv) {
  const uint64_t *random = (const uint64_t *)getauxval(AT_RANDOM);
  print("program", (void *)(uintptr_t)main);
  print("heap", (void *)syscall(SYS_brk, 0));
  print("mapping", mmap(NULL, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  print("stack", &argc);
  print("vdso", (void *)getauxval(AT_SYSINFO_EHDR));
  print("library", (void *)(uintptr_t)qsort);
  print("loader", (void *)getauxval(AT_BASE));
  printf("random %lx\n", random[0] ^ random[1]);
  if (argc > 1 && strcmp(argv[1], "kernel") == 0) {
    print("kernel", (void *)kernel_text_address());
    print("interrupts", (void *)interrupt_table_address());
  }
  return in_data;
}
