// SPDX-License-Identifier: Apache-2.0
// Names: links, symbolic links, renames, directories and their listing, with and without a directory descriptor.
#include "../support.h"
#include <dirent.h>
#include <limits.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE 2
#endif

static int by_name(const void *left, const void *right) { return strcmp(left, right); }

// The names in a directory in alphabetical order, with their types.
static void list(const char *what, const char *path) {
  char names[300][64];
  size_t count = 0;
  DIR *directory = opendir(path);
  for (struct dirent *entry; directory != NULL && count < 300 && (entry = readdir(directory)) != NULL;)
    snprintf(names[count++], 64, "%s%s", entry->d_name,
             entry->d_type == DT_DIR ? "/" : entry->d_type == DT_LNK ? "@" : entry->d_type == DT_REG ? "" : "?");
  closedir(directory);
  qsort(names, count, 64, by_name);
  printf("%s:", what);
  for (size_t i = 0; i < count; i++) printf(" %s", names[i]);
  printf("\n");
}

static long links_of(const char *path) {
  struct stat status;
  return lstat(path, &status) == -1 ? -1 : (long)status.st_nlink;
}

static bool contains(const char *path, const char *expected) {
  char content[64] = {0};
  int file = open(path, O_RDONLY);
  read(file, content, sizeof content - 1);
  close(file);
  return strcmp(content, expected) == 0;
}

static void links(void) {
  create_file("a", "content of a");
  outcome("link", link("a", "b"));
  number("links of a", links_of("a"));
  check("the link has the content", contains("b", "content of a"));
  outcome("link over a name", link("a", "b"));
  outcome("link of what is missing", link("missing", "c"));
  outcome("link of a directory", link(".", "c"));
  outcome("unlink one", unlink("a"));
  check("the other is still there", contains("b", "content of a"));

  int file = open("b", O_RDWR);
  outcome("unlink while open", unlink("b"));
  char content[7] = {0};
  number("read it", read(file, content, 7));
  number("write it", write(file, "more", 4));
  struct stat status;
  fstat(file, &status);
  number("its links", (long)status.st_nlink);
  close(file);
  outcome("unlink it again", unlink("b"));
  outcome("unlink a directory", unlink("."));
}

static void symbolic_links(void) {
  create_file("target", "content");
  char text[100];
  outcome("symlink", symlink("target", "sym"));
  outcome("symlink over a name", symlink("target", "sym"));
  outcome("symlink to what is missing", symlink("nowhere", "dangling"));
  number("readlink", readlink("sym", text, sizeof text));
  number("readlink into 3 bytes", readlink("sym", text, 3));
  number("readlink of a file", readlink("target", text, sizeof text));
  number("readlink into 0 bytes", readlink("sym", text, 0));
  check("open follows it", contains("sym", "content"));
  outcome("open without following", open("sym", O_RDONLY | O_NOFOLLOW));
  outcome("open a dangling one", open("dangling", O_RDONLY));
  outcome("create through a dangling one", close(open("dangling", O_CREAT | O_WRONLY, 0644)));
  outcome("its target is there", access("nowhere", F_OK));
  symlink("loop-b", "loop-a");
  symlink("loop-a", "loop-b");
  outcome("open a loop", open("loop-a", O_RDONLY));
  symlink("", "empty") == -1 ? outcome("a symlink to nothing", -1) : outcome("a symlink to nothing", 0);

  char previous[16] = "target", name[16];
  for (int i = 1; i <= 41; i++) {
    snprintf(name, sizeof name, "chain-%d", i);
    symlink(previous, name);
    strcpy(previous, name);
  }
  outcome("a chain of 40", access("chain-40", F_OK));
  outcome("a chain of 41", access("chain-41", F_OK));
  for (int i = 1; i <= 41; i++) snprintf(name, sizeof name, "chain-%d", i), unlink(name);
  list("all names", ".");
  const char *names[] = {"target", "sym", "dangling", "nowhere", "loop-a", "loop-b"};
  for (size_t i = 0; i < 6; i++) unlink(names[i]);
}

static void renames(void) {
  create_file("a", "A");
  create_file("b", "B");
  mkdir("full", 0755);
  mkdir("empty", 0755);
  create_file("full/x", "X");
  outcome("rename over a file", rename("a", "b"));
  check("it replaced", contains("b", "A") && access("a", F_OK) == -1);
  outcome("rename what is missing", rename("a", "c"));
  outcome("rename onto itself", rename("b", "b"));
  outcome("rename a file over a directory", rename("b", "empty"));
  outcome("rename a directory over a file", rename("empty", "b"));
  outcome("rename a directory over a full one", rename("empty", "full"));
  outcome("rename a directory over an empty one", rename("full", "empty"));
  outcome("rename a directory into itself", rename("empty", "empty/inner"));
  outcome("rename into a directory", rename("b", "empty/b"));
  create_file("c", "C");
  outcome("without replacing", syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "empty/b", RENAME_NOREPLACE));
  outcome("exchange", syscall(SYS_renameat2, AT_FDCWD, "c", AT_FDCWD, "empty/b", RENAME_EXCHANGE));
  check("they are exchanged", contains("c", "A") && contains("empty/b", "C"));
  list("what is left", "empty");
  unlink("c"), unlink("empty/b"), unlink("empty/x"), rmdir("empty");
}

// A slash after a name: whose it must be, and what is then neither opened nor given a name.
static void slashes(void) {
  create_file("file", "");
  create_file("other", "");
  mkdir("directory", 0755);
  symlink("directory", "to-directory");
  symlink("file/", "to-file");
  symlink("nothing/", "dangling");
  const char *paths[] = {"file/", "directory/", "to-directory/", "dangling/", "directory/..", "/"};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    printf("with a slash, %s\n", paths[i]);
    outcome("  open", open(paths[i], O_RDONLY));
    outcome("  open or create", open(paths[i], O_CREAT | O_RDONLY, 0644));
    outcome("  create", open(paths[i], O_CREAT | O_EXCL | O_RDONLY, 0644));
    outcome("  rename a file to it", rename("other", paths[i]));
    outcome("  without replacing", syscall(SYS_renameat2, AT_FDCWD, "other", AT_FDCWD, paths[i], RENAME_NOREPLACE));
    outcome("  exchange a directory", syscall(SYS_renameat2, AT_FDCWD, "directory", AT_FDCWD, paths[i], RENAME_EXCHANGE));
  }
  outcome("create through a link to a name with a slash", open("to-file", O_CREAT | O_RDONLY, 0644));
  outcome("through a dangling one", open("dangling", O_CREAT | O_RDONLY, 0644));
  outcome("exchange a file and a directory", syscall(SYS_renameat2, AT_FDCWD, "file", AT_FDCWD, "directory/", RENAME_EXCHANGE));
  unlink("directory"), unlink("other"), unlink("to-directory"), unlink("to-file"), unlink("dangling"), rmdir("file");
}

static void directories(void) {
  outcome("mkdir", mkdir("d", 0755));
  outcome("mkdir again", mkdir("d", 0755));
  outcome("mkdir in what is missing", mkdir("x/y", 0755));
  outcome("mkdir with a slash", mkdir("d/e/", 0755));
  number("links of the directory", links_of("d"));
  outcome("rmdir of a full one", rmdir("d"));
  outcome("rmdir of .", rmdir("d/."));
  outcome("rmdir of a file", (create_file("d/f", ""), rmdir("d/f")));
  for (int i = 0; i < 200; i++) {
    char name[32];
    snprintf(name, sizeof name, "d/entry-%03d", i);
    create_file(name, name);
  }
  list("200 entries and 4", "d");

  DIR *directory = opendir("d");
  size_t removed = 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
    removed += unlinkat(dirfd(directory), entry->d_name, 0) == 0;
  closedir(directory);
  number("removed while listing", (long)removed);
  list("afterwards", "d");
  outcome("rmdir of an empty one", rmdir("d/e"));
  int open_directory = open("d", O_RDONLY | O_DIRECTORY);
  outcome("rmdir while open", rmdir("d"));
  outcome("create in a removed directory", openat(open_directory, "f", O_CREAT | O_WRONLY, 0644));
  char entries[256];
  number("list a removed directory", syscall(SYS_getdents64, open_directory, entries, sizeof entries));
  close(open_directory);
}

static void relative(void) {
  mkdir("base", 0755);
  int base = open("base", O_RDONLY | O_DIRECTORY), plain = (create_file("plain", ""), open("plain", O_RDONLY));
  outcome("mkdirat", mkdirat(base, "sub", 0755));
  outcome("openat", close(openat(base, "sub/file", O_CREAT | O_WRONLY, 0644)));
  outcome("symlinkat", symlinkat("sub/file", base, "sym"));
  outcome("linkat", linkat(base, "sub/file", base, "hard", 0));
  outcome("linkat following", linkat(base, "sym", base, "followed", AT_SYMLINK_FOLLOW));
  outcome("renameat", renameat(base, "hard", AT_FDCWD, "moved"));
  char text[64];
  number("readlinkat", readlinkat(base, "sym", text, sizeof text));
  outcome("faccessat", faccessat(base, "sym", R_OK, 0));
  outcome("openat of a file's descriptor", openat(plain, "x", O_RDONLY));
  outcome("openat of a closed descriptor", openat(77, "x", O_RDONLY));
  outcome("openat of .. ", close(openat(base, "../moved", O_RDONLY)));
  outcome("unlinkat of a directory", unlinkat(base, "sub", 0));
  list("base", "base");

  char here[PATH_MAX], below[PATH_MAX];
  getcwd(here, sizeof here);
  outcome("fchdir", fchdir(base));
  getcwd(below, sizeof below);
  check("getcwd follows", strcmp(last_component(below), "base") == 0 && strncmp(here, below, strlen(here)) == 0);
  outcome("getcwd into 2 bytes", syscall(SYS_getcwd, below, 2));
  outcome("chdir to a file", chdir("sub/file"));
  outcome("chdir up", chdir("sub/../../base/sub"));
  outcome("access from there", access("file", F_OK));
  chdir(here);
  unlinkat(base, "sym", 0), unlinkat(base, "followed", 0), unlinkat(base, "sub/file", 0);
  unlinkat(base, "sub", AT_REMOVEDIR), close(base), rmdir("base"), unlink("moved"), unlink("plain");
  list("nothing is left", ".");
}

int main(int argc, char **argv) {
  enter_directory(argc, argv);
  links();
  symbolic_links();
  renames();
  slashes();
  directories();
  relative();
  return finish();
}
