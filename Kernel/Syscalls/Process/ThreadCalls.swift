// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals

/// Flags of clone(2) (include/uapi/linux/sched.h).
private struct CloneFlags: OptionSet {
  let rawValue: UInt64

  static let memory = CloneFlags(rawValue: 0x100)
  static let fileSystem = CloneFlags(rawValue: 0x200)
  static let files = CloneFlags(rawValue: 0x400)
  static let signalHandlers = CloneFlags(rawValue: 0x800)
  static let pidDescriptor = CloneFlags(rawValue: 0x1000)
  static let thread = CloneFlags(rawValue: 0x1_0000)
  static let threadPointer = CloneFlags(rawValue: 0x8_0000)
  static let parentSetsNumber = CloneFlags(rawValue: 0x10_0000)
  static let childClearsNumber = CloneFlags(rawValue: 0x20_0000)
  static let childSetsNumber = CloneFlags(rawValue: 0x100_0000)
  /// CLONE_CLEAR_SIGHAND, CLONE_INTO_CGROUP: clone3 alone has them, and not for threads.
  static let ofProcesses = CloneFlags(rawValue: 0x3_0000_0000)
  /// CLONE_NEWNS, CLONE_NEWCGROUP … CLONE_NEWNET: other namespaces.
  static let namespaces = CloneFlags(rawValue: 0x7e02_0000)
  /// What threads of one process share here: all of it.
  static let shared: CloneFlags = [.memory, .fileSystem, .files, .signalHandlers]
}

/// What both forms of `clone` ask for.
private struct CloneRequest {
  var flags: CloneFlags
  /// One past the new stack's highest byte; 0: the caller's own.
  var stackPointer: UInt64
  var threadPointer: UInt64
  var parentNumberAddress: UInt64
  var childNumberAddress: UInt64

  /// Makes the thread; it begins when the caller goes back to the program.
  func make(_ name: StaticString) throws(Errno) -> UInt64 {
    guard flags.contains(.thread) else { throw refuseProcess(name) }
    // Linux's own conditions.
    guard flags.isSuperset(of: [.memory, .signalHandlers]), flags.isDisjoint(with: [.namespaces, .ofProcesses]) else {
      throw .EINVAL
    }
    // Threads with a working directory or descriptors of their own, and descriptors of threads: not supported.
    guard flags.isSuperset(of: .shared), !flags.contains(.pidDescriptor) else { throw .EINVAL }
    if flags.contains(.threadPointer) && !ProgramMemory.isRange(threadPointer, 1) { throw .EPERM }
    let thread = try Threads.make()
    let number = thread.number
    if flags.contains(.parentSetsNumber) { _ = ProgramMemory.store(number, at: parentNumberAddress) }
    // The same memory: the child finds it there.
    if flags.contains(.childSetsNumber) { _ = ProgramMemory.store(number, at: childNumberAddress) }
    if flags.contains(.childClearsNumber) { thread.clearAddress = childNumberAddress }
    let current = Thread.current!
    thread.signals.block(exactly: current.signals.blocked)
    thread.rename(current.name)
    thread.setScheduling(current.scheduling.inherited)
    thread.affinity = current.affinity
    current.newThread = NewThread(
      thread: thread, stackPointer: stackPointer,
      threadPointer: flags.contains(.threadPointer) ? threadPointer : nil)
    // By the long way, on which all registers are known.
    PendingWork.add(.resume)
    return UInt64(number)
  }
}

/// clone(2): flags, stack, where to store the number, the same for the child, the thread pointer.
func sysClone(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let request = CloneRequest(
    // The lowest byte is the signal that a process would send at its end.
    flags: CloneFlags(rawValue: call.first & 0xffff_ff00), stackPointer: call.second, threadPointer: call.fifth,
    parentNumberAddress: call.third, childNumberAddress: call.fourth)
  return try request.make("clone")
}

/// clone3(2): `struct clone_args` and its size.
func sysClone3(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  struct Arguments: BitwiseCopyable {
    var flags: UInt64 = 0
    var pidDescriptor: UInt64 = 0
    var childNumberAddress: UInt64 = 0
    var parentNumberAddress: UInt64 = 0
    var exitSignal: UInt64 = 0
    var stack: UInt64 = 0
    var stackSize: UInt64 = 0
    var threadPointer: UInt64 = 0
  }
  guard call.second >= 64 else { throw .EINVAL }
  guard call.second <= 4096 else { throw .E2BIG }
  guard let arguments = ProgramMemory.load(Arguments.self, at: call.first) else { throw .EFAULT }
  // What this kernel does not know must be zero: `set_tid`, the control group and whatever comes later.
  if call.second > 64 {
    guard let rest = ProgramMemory.bytes(at: call.first &+ 64, count: Int(call.second) - 64) else { throw .EFAULT }
    for byte in rest where byte != 0 { throw call.second > 88 ? .E2BIG : .EINVAL }
  }
  guard arguments.exitSignal == 0 || arguments.flags & 0x1_0000 == 0, arguments.flags & 0xff == 0,
    (arguments.stack == 0) == (arguments.stackSize == 0)
  else { throw .EINVAL }
  let request = CloneRequest(
    flags: CloneFlags(rawValue: arguments.flags), stackPointer: arguments.stack &+ arguments.stackSize,
    threadPointer: arguments.threadPointer, parentNumberAddress: arguments.parentNumberAddress,
    childNumberAddress: arguments.childNumberAddress)
  return try request.make("clone3")
}

func sysExit(_ call: inout TrapFrame) throws(Errno) -> UInt64 { Threads.exit(int(call.first)) }
