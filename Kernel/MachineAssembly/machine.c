// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

// Where a string of the program is gathered before its length is known.
uint8_t string_buffer[4096];
