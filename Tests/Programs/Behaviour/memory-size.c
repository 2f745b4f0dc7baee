// SPDX-License-Identifier: Apache-2.0
// Given the machine's memory in MiB and a part of it: is that what the kernel says, and can the part be used?
#include "../support.h"
#include <sys/sysinfo.h>

int main(int argc, char **argv) {
  size_t machine = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, part = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
  FILE *file = fopen("/proc/meminfo", "r");
  need("open /proc/meminfo", file == NULL ? -1 : 0);
  size_t kibibytes = 0;
  fscanf(file, "MemTotal: %zu kB", &kibibytes);
  fclose(file);
  check("MemTotal is at most the machine's memory", kibibytes <= machine << 10);
  check("MemTotal is more than 9 tenths of it", kibibytes > (machine << 10) / 10 * 9);
  struct sysinfo information;
  sysinfo(&information);
  check("sysinfo says the same", information.totalram * information.mem_unit >> 10 == kibibytes);

  size_t pages = part << 8;
  uint64_t *memory = (uint64_t *)map_pages(pages, PROT_READ | PROT_WRITE), wrong = 0;
  for (size_t i = 0; i < pages; i++) memory[i * 512 + i % 512] = i * 2654435761;
  for (size_t i = 0; i < pages; i++) wrong += memory[i * 512 + i % 512] != i * 2654435761;
  check("every page of the part keeps its number", wrong == 0);
  munmap(memory, pages * page_size);
  memory = (uint64_t *)map_pages(pages, PROT_READ | PROT_WRITE);
  for (size_t i = 0; i < pages; i++) wrong += memory[i * 512 + i % 512] != 0, memory[i * 512] = 1;
  check("given back and taken again, it is zero", wrong == 0);
  return finish();
}
