// SPDX-License-Identifier: Apache-2.0
// Parts of the C library's and the Swift runtime's headers that no Swift module offers.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/xattr.h>

/// O_TMPFILE (asm-generic/fcntl.h), which includes O_DIRECTORY: a compound macro, which Swift does not import.
static const int OPEN_TEMPORARY_FILE = 020000000 | 0200000;

/// SEEK_DATA and SEEK_HOLE (linux/fs.h), which the C library shows only with _GNU_SOURCE.
static const int SEEK_NEXT_DATA = 3;
static const int SEEK_NEXT_HOLE = 4;

/// The Swift runtime's own (include/swift/Demangling/Demangle.h).
char *_Nullable swift_demangle(
    const char *_Nonnull mangledName, size_t mangledNameLength, char *_Nullable outputBuffer,
    size_t *_Nullable outputBufferSize, uint32_t flags);
