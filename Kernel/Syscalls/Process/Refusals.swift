// SPDX-License-Identifier: Apache-2.0
import Machine

/// Calls that are known and whose answer is always no.

/// Networking comes with an issue of its own; until then no family of addresses is supported.
func sysSocket(_ call: inout TrapFrame) throws(Errno) -> UInt64 { throw .EAFNOSUPPORT }
func sysSocketpair(_ call: inout TrapFrame) throws(Errno) -> UInt64 { throw .EAFNOSUPPORT }

/// The answer of a Linux without CONFIG_SECCOMP_FILTER.
func sysSeccomp(_ call: inout TrapFrame) throws(Errno) -> UInt64 { throw .EINVAL }
