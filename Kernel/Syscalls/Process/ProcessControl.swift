// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// What `prctl` keeps.
private var parentDeathSignal: Int32 = 0
private var isDumpable: UInt64 = 1
private var timerSlack: UInt64 = 50_000

func sysPrctl(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let argument = call.second
  let hasNoMore = call.third == 0 && call.fourth == 0 && call.fifth == 0
  switch int(call.first) {
  case 1:  // PR_SET_PDEATHSIG: there is no parent that could die
    guard argument <= UInt64(Signal.last) else { throw .EINVAL }
    parentDeathSignal = Int32(argument)
  case 2:  // PR_GET_PDEATHSIG
    try check(ProgramMemory.store(parentDeathSignal, at: argument))
  case 3:  // PR_GET_DUMPABLE
    return isDumpable
  case 4:  // PR_SET_DUMPABLE
    guard argument <= 1 else { throw .EINVAL }
    isDumpable = argument
  case 7:  // PR_GET_KEEPCAPS
    return identity.keepsCapabilities ? 1 : 0
  case 8:  // PR_SET_KEEPCAPS
    guard argument <= 1 else { throw .EINVAL }
    identity.keepsCapabilities = argument == 1
  case 15:  // PR_SET_NAME
    Thread.current.rename(try nameOfThread(at: argument))
  case 16:  // PR_GET_NAME
    var name = Thread.current.name
    while name.count < 16 { name.append(0) }
    try check(ProgramMemory.write(name.span, to: argument))
  case 21:  // PR_GET_SECCOMP
    return 0
  case 23:  // PR_CAPBSET_READ
    guard argument <= Capabilities.last else { throw .EINVAL }
    return identity.boundingCapabilities.rawValue >> argument & 1
  case 24:  // PR_CAPBSET_DROP
    guard identity.may(.setPermitted) else { throw .EPERM }
    guard argument <= Capabilities.last else { throw .EINVAL }
    identity.boundingCapabilities.remove(Capabilities(rawValue: 1 << argument))
  case 29:  // PR_SET_TIMERSLACK
    timerSlack = argument == 0 || Int64(bitPattern: argument) < 0 ? 50_000 : argument
  case 30:  // PR_GET_TIMERSLACK
    return timerSlack
  case 36, 37:  // PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER: there are no children
    if int(call.first) == 37 { try check(ProgramMemory.store(Int32(0), at: argument)) }
  case 38:  // PR_SET_NO_NEW_PRIVS
    guard argument == 1, hasNoMore else { throw .EINVAL }
    identity.hasNoNewPrivileges = true
  case 39:  // PR_GET_NO_NEW_PRIVS
    guard argument == 0, hasNoMore else { throw .EINVAL }
    return identity.hasNoNewPrivileges ? 1 : 0
  case 40:  // PR_GET_TID_ADDRESS: only with CONFIG_CHECKPOINT_RESTORE
    throw .EINVAL
  default:
    throw .EINVAL
  }
  return 0
}

/// At most fifteen bytes; longer ones are cut.
private func nameOfThread(at address: UInt64) throws(Errno) -> [UInt8] {
  switch ProgramMemory.string(at: address, limit: 16) {
  case .string(let name): return name
  case .fault: throw .EFAULT
  case .tooLong:
    guard let name = ProgramMemory.bytes(at: address, count: 15) else { throw .EFAULT }
    return name
  }
}

/// arch_prctl(2).
func sysArchPrctl(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  switch int(call.first) {
  case 0x1001:  // ARCH_SET_GS
    try checkBase(call.second)
    Processor.gsBase = call.second
  case 0x1002:  // ARCH_SET_FS
    try checkBase(call.second)
    Processor.fsBase = call.second
  case 0x1003:  // ARCH_GET_FS
    try check(ProgramMemory.storeWord(Processor.fsBase, at: call.second))
  case 0x1004:  // ARCH_GET_GS
    try check(ProgramMemory.storeWord(Processor.gsBase, at: call.second))
  default:
    throw .EINVAL
  }
  return 0
}

/// The processor would refuse a base that is no canonical address, with an exception in the kernel.
private func checkBase(_ address: UInt64) throws(Errno) {
  guard ProgramMemory.isRange(address, 1) else { throw .EPERM }
}

/// personality(2): only Linux's own, without its workarounds; in the upper half of the argument nothing.
func sysPersonality(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let wish = UInt32(truncatingIfNeeded: call.first)
  guard wish == 0 || wish == .max else { throw .EINVAL }
  return 0
}
