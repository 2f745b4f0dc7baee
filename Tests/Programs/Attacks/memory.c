// SPDX-License-Identifier: Apache-2.0
// One wrong access a run, named by the argument: each must end in SIGSEGV.
#include "../kernel-addresses.h"
#include <sys/auxv.h>

static char in_bss[64];
static char in_data[64] = {(char)0xc3};
static const char in_constants[64] = "constant";
extern int main(int, char **);
static int (*const in_relocated[])(int, char **) = {main};

static void write_to(const volatile void *address) { *(volatile char *)(uintptr_t)address = 1; }
static void read_from(uintptr_t address) { (void)*(volatile char *)address; }

static void call(void *address) {
  *(volatile char *)address = (char)0xc3;  // A return.
  ((void (*)(void))address)();
}

static void write_text(void) { write_to((void *)(uintptr_t)main); }
static void write_constants(void) { write_to(in_constants); }
static void write_relocated(void) { write_to((void *)(uintptr_t)in_relocated); }
static void write_vdso(void) { write_to((void *)getauxval(AT_SYSINFO_EHDR)); }
static void write_library(void) { write_to((void *)(uintptr_t)qsort); }
static void execute_bss(void) { call(in_bss); }
static void execute_data(void) { call(in_data); }
static void execute_heap(void) { call(malloc(64)); }
static void execute_mapping(void) { call(map_pages(1, PROT_READ | PROT_WRITE)); }
static void execute_stack(void) { char on_stack[64]; call(on_stack); }
static void execute_constants(void) { ((void (*)(void))(uintptr_t)in_constants)(); }
static void read_zero(void) { read_from(0); }
static void read_last_of_first_64_kib(void) { read_from(65535); }
static void write_zero(void) { write_to((void *)0); }
static void write_4096(void) { write_to((void *)4096); }
static void execute_zero(void) { ((void (*)(void))0)(); }
static void execute_4096(void) { ((void (*)(void))4096)(); }
static void read_window_start(void) { read_from(0x400000000000); }
static void read_window_end(void) { read_from(0x4fffffffffff); }
static void write_window(void) { write_to((void *)0x480000000000); }
static void jump_window(void) { ((void (*)(void))0x480000000000)(); }
static void read_upper_half(void) { read_from(0xffff888000000000); }
static void jump_not_canonical(void) { ((void (*)(void))0x8000000000000000)(); }
static void write_kernel_text(void) { write_to((void *)kernel_text_address()); }

static void push_to_nowhere(void) { __asm__ volatile("mov $0x123456789000, %%rsp\n\tpush %%rax" : : : "memory"); }
static void push_not_canonical(void) { __asm__ volatile("mov $0x8000000000000000, %%rsp\n\tpush %%rax" : : : "memory"); }

static volatile bool forever = true;
static __attribute__((noinline)) int overflow(int level) {
  volatile char frame[512];
  frame[0] = (char)level;
  return forever ? overflow(level + 1) + frame[0] : 0;
}
static void overflow_main_stack(void) { overflow(0); }

static void overflow_own_stack(void) {
  char *pages = map_pages(16, PROT_NONE);
  mprotect(pages + page_size, 15 * page_size, PROT_READ | PROT_WRITE);
  __asm__ volatile("mov %0, %%rsp\n\txor %%ebp, %%ebp\n\txor %%edi, %%edi\n\tcall *%1"
                   : : "r"(pages + 16 * page_size), "r"(overflow) : "memory");
}

static __attribute__((noinline, optimize("stack-protector-all"))) void smash_stack(void) {
  char small[16];
  volatile char *out = small;
  for (volatile int i = 0; i < 64; i++) out[i] = 'A';
}

int main(int argc, char **argv) {
#define CASE(name) {#name, name}
  const struct { const char *name; void (*attack)(void); } cases[] = {
      CASE(write_text), CASE(write_constants), CASE(write_relocated), CASE(write_vdso), CASE(write_library),
      CASE(execute_bss), CASE(execute_data), CASE(execute_heap), CASE(execute_mapping), CASE(execute_stack),
      CASE(execute_constants), CASE(read_zero), CASE(read_last_of_first_64_kib), CASE(write_zero), CASE(write_4096),
      CASE(execute_zero), CASE(execute_4096), CASE(read_window_start), CASE(read_window_end), CASE(write_window),
      CASE(jump_window), CASE(read_upper_half), CASE(jump_not_canonical), CASE(write_kernel_text),
      CASE(push_to_nowhere), CASE(push_not_canonical), CASE(overflow_main_stack), CASE(overflow_own_stack),
      CASE(smash_stack),
  };
  for (size_t i = 0; argc == 2 && i < sizeof cases / sizeof *cases; i++)
    if (strcmp(cases[i].name, argv[1]) == 0) {
      printf("attack: %s\n", argv[1]);
      cases[i].attack();
      puts("nothing stopped it");
      return 0;
    }
  return 98;
}
