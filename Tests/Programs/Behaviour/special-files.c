// SPDX-License-Identifier: Apache-2.0
// Devices and the parts of /proc that programs read: /dev/null and its like, /proc/self, descriptors as files.
#include "../support.h"
#include <dirent.h>

static void devices(void) {
  char buffer[100];
  int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR), full = open("/dev/full", O_RDWR);
  number("read /dev/null", read(null, buffer, 100));
  number("write /dev/null", write(null, buffer, 100));
  number("write /dev/null from nowhere", write(null, (void *)8, 100));
  memset(buffer, 'x', 100);
  number("read /dev/zero", read(zero, buffer, 99));
  check("it gave zeros and no more", all_bytes(buffer, 99, 0) && buffer[99] == 'x');
  number("write /dev/zero", write(zero, buffer, 100));
  number("read /dev/zero into nowhere", read(zero, (void *)8, 100));
  char *mapped = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
  check("/dev/zero can be mapped", mapped != MAP_FAILED && all_bytes(mapped, page_size, 0));
  number("read /dev/full", read(full, buffer, 100));
  number("write /dev/full", write(full, buffer, 100));
  number("seek in /dev/null", lseek(null, 10, SEEK_SET));
  const char *sources[] = {"/dev/random", "/dev/urandom"};
  for (int i = 0; i < 2; i++) {
    char other[100];
    int source = open(sources[i], O_RDONLY);
    number(sources[i], read(source, buffer, 100));
    number("again", read(source, other, 100));
    check("it differs", memcmp(buffer, other, 100) != 0);
  }
}

static void self(void) {
  char text[4096] = {0};
  ssize_t length = readlink("/proc/self/exe", text, sizeof text - 1);
  check("/proc/self/exe is a link to this program", length > 0 && text[0] == '/');
  int file = open("/proc/self/exe", O_RDONLY);
  number("read /proc/self/exe", read(file, text, 4));
  check("it is an ELF file", memcmp(text, "\177ELF", 4) == 0);
  int command = open("/proc/self/cmdline", O_RDONLY);
  length = read(command, text, sizeof text);
  check("/proc/self/cmdline ends each argument with zero", length > 1 && text[length - 1] == 0);
  command = open("/proc/self/comm", O_RDONLY);
  number("length of /proc/self/comm", (length = read(command, text, sizeof text)));
  printf("it is %.*s", (int)length, text);
  check("/proc/PID is /proc/self", (snprintf(text, sizeof text, "/proc/%d/exe", getpid()), access(text, F_OK)) == 0);
  outcome("readlink /proc/self/cwd", readlink("/proc/self/cwd", text, sizeof text) > 0 ? 0 : -1);
  outcome("readlink /proc/self/root", readlink("/proc/self/root", text, sizeof text) == 1 ? 0 : -1);
}

static void descriptors(void) {
  int ends[2];
  pipe(ends);
  create_file("file", "content");
  int file = open("file", O_RDWR);
  char path[64], text[256] = {0};
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  readlink(path, text, sizeof text - 1);
  printf("the link of a file ends with %s\n", last_component(text));
  snprintf(path, sizeof path, "/dev/fd/%d", file);
  int again = open(path, O_RDONLY);
  number("read through /dev/fd", read(again, text, 100));
  snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
  memset(text, 0, sizeof text);
  readlink(path, text, sizeof text - 1);
  printf("the link of a pipe begins with %.6s\n", text);
  close(ends[1]), close(ends[0]), close(again);
  outcome("a closed descriptor", access(path, F_OK));

  DIR *directory = opendir("/proc/self/fd");
  bool listed_file = false, listed_itself = false;
  for (struct dirent *entry; directory && (entry = readdir(directory)) != NULL;) {
    listed_file = listed_file || atoi(entry->d_name) == file;
    listed_itself = listed_itself || atoi(entry->d_name) == dirfd(directory);
  }
  check("/proc/self/fd lists open descriptors", listed_file && listed_itself);
  char link[16] = {0};
  readlink("/dev/fd", link, sizeof link - 1);
  printf("/dev/fd is %s\n", link);
}

static int data = 1;

// Whether /proc/self/maps has `address` in a mapping with these permissions; and no line that ends before it begins.
static bool in_maps(const void *address, const char *permissions) {
  FILE *maps = fopen("/proc/self/maps", "r");
  unsigned long start, end, previous = 0;
  char found[5], line[512];
  bool holds = false, sorted = true;
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
    if (sscanf(line, "%lx-%lx %4s", &start, &end, found) != 3 || start >= end || start < previous) sorted = false;
    previous = end;
    if ((unsigned long)address >= start && (unsigned long)address < end) holds = strncmp(found, permissions, 4) == 0;
  }
  fclose(maps);
  return holds && sorted;
}

static bool maps_mention(const char *text) {
  FILE *maps = fopen("/proc/self/maps", "r");
  char line[512];
  bool found = false;
  while (fgets(line, sizeof line, maps) != NULL) found = found || strstr(line, text) != NULL;
  fclose(maps);
  return found;
}

static void maps(void) {
  char here, *page = map_pages(3, PROT_READ), program[256] = {0};
  check("text is r-xp", in_maps((void *)(uintptr_t)maps, "r-xp"));
  check("data is rw-p", in_maps(&data, "rw-p"));
  check("constants are r--p", in_maps("constant", "r--p"));
  check("the stack is rw-p", in_maps(&here, "rw-p"));
  check("a mapping is r--p", in_maps(page, "r--p"));
  mprotect(page + page_size, page_size, PROT_NONE);
  check("its middle is ---p after mprotect", in_maps(page + page_size, "---p") && in_maps(page + 2 * page_size, "r--p"));
  munmap(page, 3 * page_size);
  check("it is gone after munmap", !in_maps(page, "r--p"));
  readlink("/proc/self/exe", program, sizeof program - 1);
  check("the program's file is named", maps_mention(program));
  check("stack and vDSO are named", maps_mention("[stack]") && maps_mention("[vdso]"));
  check("text of the vDSO is not writable", !maps_mention("rwxp"));
}

static bool file_has(const char *path, const char *text) {
  static char content[65536];
  int file = open(path, O_RDONLY);
  size_t length = 0;
  for (ssize_t part; file != -1 && (part = read(file, content + length, sizeof content - 1 - length)) > 0;) length += part;
  content[length] = 0;
  close(file);
  return strstr(content, text) != NULL;
}

static void machine(void) {
  const struct { const char *path, *text; } files[] = {
      {"/proc/meminfo", "MemTotal:"}, {"/proc/meminfo", "MemAvailable:"}, {"/proc/cpuinfo", "processor\t: 0"},
      {"/proc/cpuinfo", "flags"}, {"/proc/stat", "cpu0 "}, {"/proc/uptime", "."}, {"/proc/loadavg", "/"},
      {"/proc/version", "Linux version"}, {"/proc/filesystems", "ext4"}, {"/proc/self/status", "VmRSS:"},
      {"/proc/self/status", "Threads:\t1"}, {"/proc/self/stat", "("}, {"/proc/self/statm", " "},
      {"/proc/self/mountinfo", " / "}, {"/proc/self/cgroup", ":"}, {"/proc/mounts", " / "},
      {"/proc/sys/kernel/osrelease", "."}, {"/proc/sys/vm/overcommit_memory", "\n"}, {"/proc/self/limits", "Max open files"},
      {"/sys/devices/system/cpu/online", "0"}, {"/sys/devices/system/cpu/possible", "0"},
  };
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    printf("%s ", files[i].path);
    check("has its content", file_has(files[i].path, files[i].text));
  }
  outcome("create in /proc", open("/proc/new", O_CREAT | O_WRONLY, 0644) == -1 ? 0 : -1);
  outcome("unlink in /proc", unlink("/proc/meminfo"));
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  devices();
  self();
  descriptors();
  maps();
  machine();
  return finish();
}
