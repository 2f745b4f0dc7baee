// SPDX-License-Identifier: Apache-2.0
// Writes to standard output and standard error in turns: they must arrive in this order.
#include "../support.h"

int main(void) {
  for (int i = 0; i < 400; i++) {
    dprintf(1, "output %d\n", i);
    dprintf(2, "error %d\n", i);
    if (i % 10 == 0) write(1, "no line end ", 12);
  }
  static char large[200000];
  memset(large, 'L', sizeof large);
  for (int i = 0; i < 3; i++) {
    write(1, large, sizeof large);
    write(2, "|", 1);
  }
  write(1, (char[]){0, 1, (char)0xff, '\r', '\n'}, 5);
  return 0;
}
