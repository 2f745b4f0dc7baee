// SPDX-License-Identifier: Apache-2.0
// Copies standard input to standard output in pieces of changing size, then says on standard error what it saw.
#include "../support.h"

int main(void) {
  static char buffer[40000];
  size_t total = 0, step = 1;
  uint64_t checksum = 0;
  for (ssize_t length; (length = read(0, buffer, step)) != 0; step = step * 7 % 39989 + 1) {
    need("read", length);
    for (ssize_t i = 0; i < length; i++) checksum = checksum * 31 + (unsigned char)buffer[i];
    for (ssize_t written = 0; written < length;) written += need("write", write(1, buffer + written, length - written));
    total += length;
  }
  fprintf(stderr, "%zu bytes, checksum %016lx, then the end of the file: %zd %zd\n", total, checksum, read(0, buffer, 1),
          read(0, buffer, 1));
  return 0;
}
