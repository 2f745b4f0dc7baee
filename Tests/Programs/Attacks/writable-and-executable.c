// SPDX-License-Identifier: Apache-2.0
// Every way to memory that is, or was, writable and becomes executable. Refused with ENOMEM by default; with
// --allow-jit (and on Linux) the direct ways work and the code that was written runs.
#include "../support.h"

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1
#endif

enum { read_write = PROT_READ | PROT_WRITE, read_execute = PROT_READ | PROT_EXEC };

// mov $42, %eax; ret
static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};

static int in_data = 1;

static int run(void *memory) { return ((int (*)(void))memory)(); }

static void *anonymous(int protection) {
  return mmap(NULL, page_size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void result(const char *what, bool allowed, void *memory) {
  outcome(what, allowed ? 0 : -1);
  if (allowed) memcpy(memory, code, sizeof code), number("it runs", run(memory));
}

static void executable_after(const char *what, void *memory) {
  outcome(what, mprotect(memory, page_size, read_execute));
}

static int code_file(const char *name) {
  int file = syscall(SYS_memfd_create, name, MFD_CLOEXEC);
  if (file == -1) file = open(name, O_CREAT | O_RDWR | O_TRUNC, 0700);
  need("write", write(file, code, sizeof code) == sizeof code ? 0 : -1);
  return file;
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  void *memory = anonymous(read_write | PROT_EXEC);
  result("map writable and executable", memory != MAP_FAILED, memory);
  memory = mmap(NULL, page_size, read_write | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  result("map it shared", memory != MAP_FAILED, memory);
  memory = anonymous(read_write);
  result("protect as writable and executable", mprotect(memory, page_size, read_write | PROT_EXEC) == 0, memory);

  memory = anonymous(read_write);
  memcpy(memory, code, sizeof code);
  bool allowed = mprotect(memory, page_size, read_execute) == 0;
  outcome("write, then protect as executable", allowed ? 0 : -1);
  if (allowed) number("it runs", run(memory));

  executable_after("writable but never written", anonymous(read_write));
  memory = anonymous(PROT_NONE);
  mprotect(memory, page_size, read_write);
  memcpy(memory, code, sizeof code);
  mprotect(memory, page_size, PROT_NONE);
  executable_after("written in between", memory);
  memory = anonymous(read_write);
  memcpy(memory, code, sizeof code);
  mprotect(memory, page_size, PROT_READ);
  executable_after("written, then only readable", memory);
  memory = anonymous(read_write);
  memcpy(memory, code, sizeof code);
  memory = mremap(memory, page_size, 2 * page_size, MREMAP_MAYMOVE);
  executable_after("written, then moved", memory);
  memory = anonymous(PROT_READ);
  memcpy(memory = mremap(anonymous(read_write), page_size, page_size, MREMAP_MAYMOVE | MREMAP_FIXED, memory), code, sizeof code);
  executable_after("moved over another mapping", memory);

  int file = code_file("private");
  memory = mmap(NULL, page_size, read_write, MAP_PRIVATE, file, 0);
  memcpy(memory, code, sizeof code);
  executable_after("a private page of a file, written", memory);
  memory = mmap(NULL, page_size, read_write, MAP_SHARED, file, 0);
  memcpy(memory, code, sizeof code);
  executable_after("a shared page of a file, written", memory);
  void *twin = mmap(NULL, page_size, read_execute, MAP_SHARED, file, 0);
  outcome("an executable twin of a writable shared mapping", twin == MAP_FAILED ? -1 : 0);
  twin = mmap(NULL, page_size, PROT_READ, MAP_SHARED, file, 0);
  executable_after("a readable twin of it", twin);
  file = code_file("executable");
  twin = mmap(NULL, page_size, read_execute, MAP_PRIVATE, file, 0);
  outcome("an executable page of a file", twin == MAP_FAILED ? -1 : 0);
  twin = mmap(NULL, page_size, PROT_READ, MAP_SHARED, file, 0);
  outcome("a readable twin made writable", mprotect(twin, page_size, read_write));
  memory = mmap(NULL, page_size, read_execute, MAP_PRIVATE, open("/proc/self/exe", O_RDONLY), 0);
  outcome("a file's text", memory == MAP_FAILED ? -1 : 0);
  outcome("made writable", mprotect(memory, page_size, read_write));
  *(volatile char *)memory = 1;
  executable_after("and executable again", memory);
  const uintptr_t used[] = {(uintptr_t)malloc(1), (uintptr_t)__builtin_frame_address(0), (uintptr_t)&in_data};
  const char *names[] = {"the heap", "the stack", "the program's data"};
  for (int i = 0; i < 3; i++)
    outcome(names[i], mprotect((void *)(used[i] & ~4095UL), page_size, read_write | PROT_EXEC));
  puts("done");
  return 0;
}
