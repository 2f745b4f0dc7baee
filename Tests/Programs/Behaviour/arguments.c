// SPDX-License-Identifier: Apache-2.0
// Prints its arguments and those environment variables whose names begin with TEST_.
#include "../support.h"

extern char **environ;

static int by_text(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

int main(int argc, char **argv) {
  printf("program: %s\n", last_component(argv[0]));
  for (int i = 1; i < argc; i++) printf("argument %d (%zu bytes): %s\n", i, strlen(argv[i]), argv[i]);
  char *variables[64];
  size_t count = 0;
  for (char **variable = environ; *variable != NULL && count < 64; variable++)
    if (strncmp(*variable, "TEST_", 5) == 0) variables[count++] = *variable;
  qsort(variables, count, sizeof *variables, by_text);
  for (size_t i = 0; i < count; i++) printf("variable: %s\n", variables[i]);
  check("arguments end with a null pointer", argv[argc] == NULL);
  return finish();
}
