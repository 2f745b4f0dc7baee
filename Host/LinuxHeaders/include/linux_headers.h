// SPDX-License-Identifier: Apache-2.0
// Parts of the C library's headers that Swift's Glibc module leaves out.
#pragma once
#include <sys/xattr.h>

/// O_TMPFILE (asm-generic/fcntl.h), which includes O_DIRECTORY: a compound macro, which Swift does not import.
static const int OPEN_TEMPORARY_FILE = 020000000 | 0200000;
