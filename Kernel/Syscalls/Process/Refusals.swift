// SPDX-License-Identifier: Apache-2.0
import Machine

/// Calls that are known and whose answer is always no.

/// The answer of a Linux without CONFIG_SECCOMP_FILTER.
func sysSeccomp(_ call: inout TrapFrame) throws(Errno) -> UInt64 { throw .EINVAL }
