// SPDX-License-Identifier: Apache-2.0
// Checks what the kernel leaves on a new program's stack: argc, argv, envp and every entry of the auxiliary vector.
#include "../support.h"
#include <cpuid.h>
#include <elf.h>

extern char **environ;
extern const char __ehdr_start;  // Set by the linker: where the ELF header, the start of the first segment, lies.
static const Elf64_auxv_t *vector;

static bool has(unsigned long type) {
  for (const Elf64_auxv_t *entry = vector; entry->a_type != AT_NULL; entry++)
    if (entry->a_type == type) return true;
  return false;
}

static unsigned long entry(unsigned long type) {
  for (const Elf64_auxv_t *entry = vector; entry->a_type != AT_NULL; entry++)
    if (entry->a_type == type) return entry->a_un.a_val;
  return 0;
}

// True when `address` lies in a segment of this program with all of `flags`.
static bool is_in_segment(unsigned long address, unsigned flags) {
  const Elf64_Phdr *headers = (const Elf64_Phdr *)entry(AT_PHDR);
  unsigned long count = entry(AT_PHNUM), first = 0;
  while (first < count && headers[first].p_type != PT_LOAD) first++;
  unsigned long bias = (unsigned long)&__ehdr_start - headers[first].p_vaddr;
  for (unsigned long i = 0; i < count; i++) {
    unsigned long start = headers[i].p_vaddr + bias;
    if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & flags) == flags && address >= start &&
        address - start < headers[i].p_memsz)
      return true;
  }
  return false;
}

int main(int argc, char **argv) {
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#define PRESENT(type) check(#type " is there", has(type))
  char **end_of_environment = environ;
  while (*end_of_environment != NULL) end_of_environment++;
  vector = (const Elf64_auxv_t *)(end_of_environment + 1);

  PRESENT(AT_PHDR); PRESENT(AT_PHENT); PRESENT(AT_PHNUM); PRESENT(AT_PAGESZ); PRESENT(AT_BASE); PRESENT(AT_FLAGS);
  PRESENT(AT_ENTRY); PRESENT(AT_UID); PRESENT(AT_EUID); PRESENT(AT_GID); PRESENT(AT_EGID); PRESENT(AT_SECURE);
  PRESENT(AT_RANDOM); PRESENT(AT_EXECFN); PRESENT(AT_PLATFORM); PRESENT(AT_HWCAP); PRESENT(AT_HWCAP2);
  PRESENT(AT_CLKTCK); PRESENT(AT_SYSINFO_EHDR); PRESENT(AT_MINSIGSTKSZ);

  check("the stack pointer was aligned to 16", ((uintptr_t)argv - 8) % 16 == 0);
  check("argc stands before argv", *(long *)((uintptr_t)argv - 8) == argc);
  check("the environment follows argv", environ == argv + argc + 1);
  check("AT_PAGESZ is 4096", entry(AT_PAGESZ) == 4096);
  check("AT_PHENT is the size of a program header", entry(AT_PHENT) == sizeof(Elf64_Phdr));
  check("AT_PHDR lies in a readable segment", is_in_segment(entry(AT_PHDR), PF_R));
  check("AT_ENTRY lies in an executable segment", is_in_segment(entry(AT_ENTRY), PF_R | PF_X));
  printf("has an interpreter: %s\n", entry(AT_BASE) != 0 ? "yes" : "no");
  check("AT_BASE is an ELF file when it is not 0",
        entry(AT_BASE) == 0 || memcmp((void *)entry(AT_BASE), ELFMAG, SELFMAG) == 0);
  check("AT_SYSINFO_EHDR is an ELF file", memcmp((void *)entry(AT_SYSINFO_EHDR), ELFMAG, SELFMAG) == 0);
  printf("AT_EXECFN ends with %s\n", last_component((char *)entry(AT_EXECFN)));
  printf("AT_PLATFORM is %s\n", (char *)entry(AT_PLATFORM));
  check("AT_UID and AT_EUID are right", entry(AT_UID) == getuid() && entry(AT_EUID) == geteuid());
  check("AT_GID and AT_EGID are right", entry(AT_GID) == getgid() && entry(AT_EGID) == getegid());
  check("AT_SECURE is 0", entry(AT_SECURE) == 0);
  check("AT_FLAGS is 0", entry(AT_FLAGS) == 0);
  check("AT_CLKTCK is 100", entry(AT_CLKTCK) == 100);
  check("AT_MINSIGSTKSZ holds a frame", entry(AT_MINSIGSTKSZ) >= 1024 && entry(AT_MINSIGSTKSZ) < 65536);
  unsigned eax, ebx, ecx, edx = 0;
  __get_cpuid(1, &eax, &ebx, &ecx, &edx);
  check("AT_HWCAP is what CPUID says", entry(AT_HWCAP) == edx);
  const unsigned char *random = (const unsigned char *)entry(AT_RANDOM);
  unsigned different = 0;
  for (int i = 1; i < 16; i++) different += random[i] != random[0];
  check("AT_RANDOM has 16 bytes that are not all the same", different > 0);
  return finish();
}
