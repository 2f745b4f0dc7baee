// SPDX-License-Identifier: Apache-2.0
import Machine

/// `struct __user_cap_header_struct`.
private struct CapabilityHeader: BitwiseCopyable {
  var version: UInt32
  var process: Int32
}

/// Two of `struct __user_cap_data_struct`: the low halves, then the high halves.
private struct CapabilityData: BitwiseCopyable {
  var effectiveLow: UInt32 = 0
  var permittedLow: UInt32 = 0
  var inheritableLow: UInt32 = 0
  var effectiveHigh: UInt32 = 0
  var permittedHigh: UInt32 = 0
  var inheritableHigh: UInt32 = 0
}

/// _LINUX_CAPABILITY_VERSION_3 and its equal, 2. Version 1 (32 bits) has had no user for long.
private let versions: (UInt32, UInt32) = (0x2008_0522, 0x2007_1026)

/// nil: the version is not known, and the one that is has been written to the header.
private func header(_ address: UInt64) throws(Errno) -> CapabilityHeader? {
  guard let header = ProgramMemory.load(CapabilityHeader.self, at: address) else { throw .EFAULT }
  if header.version == versions.0 || header.version == versions.1 { return header }
  try check(ProgramMemory.store(versions.0, at: address))
  return nil
}

func sysCapget(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard let header = try header(call.first) else {
    if call.second == 0 { return 0 }
    throw .EINVAL
  }
  guard header.process >= 0 else { throw .EINVAL }
  guard header.process == 0 || header.process == ProcessGroup.process else { throw .ESRCH }
  if call.second == 0 { return 0 }
  let effective = identity.effectiveCapabilities.rawValue
  let permitted = identity.permittedCapabilities.rawValue
  let inheritable = identity.inheritableCapabilities.rawValue
  let data = CapabilityData(
    effectiveLow: UInt32(truncatingIfNeeded: effective), permittedLow: UInt32(truncatingIfNeeded: permitted),
    inheritableLow: UInt32(truncatingIfNeeded: inheritable),
    effectiveHigh: UInt32(truncatingIfNeeded: effective >> 32),
    permittedHigh: UInt32(truncatingIfNeeded: permitted >> 32),
    inheritableHigh: UInt32(truncatingIfNeeded: inheritable >> 32))
  try check(ProgramMemory.store(data, at: call.second))
  return 0
}

func sysCapset(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard let header = try header(call.first) else { throw .EINVAL }
  guard header.process == 0 || header.process == ProcessGroup.process else { throw .EPERM }
  guard let data = ProgramMemory.load(CapabilityData.self, at: call.second) else { throw .EFAULT }
  func join(_ low: UInt32, _ high: UInt32) -> Capabilities {
    Capabilities(rawValue: UInt64(low) | UInt64(high) << 32).intersection(.all)
  }
  let effective = join(data.effectiveLow, data.effectiveHigh)
  let permitted = join(data.permittedLow, data.permittedHigh)
  let inheritable = join(data.inheritableLow, data.inheritableHigh)
  // capabilities(7), "Programmatically adjusting capability sets".
  let mayInherit = identity.inheritableCapabilities.union(
    identity.may(.setPermitted) ? identity.boundingCapabilities : identity.permittedCapabilities)
  guard permitted.isSubset(of: identity.permittedCapabilities), effective.isSubset(of: permitted),
    inheritable.isSubset(of: mayInherit)
  else { throw .EPERM }
  identity.effectiveCapabilities = effective
  identity.permittedCapabilities = permitted
  identity.inheritableCapabilities = inheritable
  return 0
}
