// SPDX-License-Identifier: Apache-2.0
// Instructions that Swift cannot express. Header only: shared by the kernel and the host tool.
#pragma once
#include <stdint.h>

/// CRC32 (Castagnoli) of eight bytes, little endian, continuing from `crc` (no inversion).
/// Intel SDM volume 2, CRC32. Needs SSE4.2, which uses general registers only.
static inline __attribute__((always_inline)) uint32_t crc32c_of_uint64(uint32_t crc, uint64_t value) {
  uint64_t result = crc;
  __asm__("crc32q %1, %0" : "+r"(result) : "r"(value));
  return (uint32_t)result;
}

/// CRC32 (Castagnoli) of one byte, continuing from `crc` (no inversion).
static inline __attribute__((always_inline)) uint32_t crc32c_of_uint8(uint32_t crc, uint8_t value) {
  __asm__("crc32b %1, %0" : "+r"(crc) : "r"(value));
  return crc;
}
