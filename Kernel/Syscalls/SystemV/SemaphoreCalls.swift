// SPDX-License-Identifier: Apache-2.0
import Machine

private func set(_ argument: UInt64) throws(Errno) -> SemaphoreSet {
  guard let set = try SemaphoreSet.all.find(int(argument)) as? SemaphoreSet else { throw .EINVAL }
  return set
}

/// semget(2): key, number of semaphores, flags.
func sysSemget(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let count = int(call.second)
  let flags = int(call.third)
  let key = int(call.first)
  guard count >= 0, count <= SemaphoreSet.greatestCount else { throw .EINVAL }
  return try SemaphoreSet.all.get(key, flags) {
    (($0 as? SemaphoreSet)?.semaphores.count ?? 0) >= Int(count)
  } make: { () throws(Errno) in
    guard count > 0 else { throw .EINVAL }
    try reserveKernelMemory(bytes: Int(count) * MemoryLayout<SemaphoreSet.Semaphore>.stride)
    return SemaphoreSet(key: key, flags: flags, count: Int(count))
  }
}

/// What both calls do; the time is relative.
private func operate(_ call: TrapFrame, timeoutAddress: UInt64) throws(Errno) -> UInt64 {
  let count = call.third & 0xffff_ffff
  guard count > 0 else { throw .EINVAL }
  guard count <= SemaphoreSet.greatestOperations else { throw .E2BIG }
  var operations: [SemaphoreSet.Operation] = []
  var changes = false
  var greatest: UInt16 = 0
  for index in 0..<count {
    guard let operation = ProgramMemory.load(SemaphoreSet.Operation.self, at: call.second &+ index * 6) else {
      throw .EFAULT
    }
    if operation.change != 0 { changes = true }
    greatest = max(greatest, operation.semaphore)
    operations.append(operation)
  }
  var deadline: UInt64?
  if timeoutAddress != 0 {
    let time = try TimeSpecification.load(at: timeoutAddress)
    guard time.isValid else { throw .EINVAL }
    deadline = Clock.monotonicNanoseconds().addingSaturating(time.nanosecondsSaturating)
  }
  let set = try set(call.first)
  guard Int(greatest) < set.semaphores.count else { throw .EFBIG }
  try set.check(changes ? 2 : 4)
  try set.operate(operations, deadline: deadline)
  return 0
}

func sysSemop(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try operate(call, timeoutAddress: 0) }
func sysSemtimedop(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try operate(call, timeoutAddress: call.fourth) }

/// semctl(2): identifier, semaphore, command, argument.
func sysSemctl(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let command = int(call.third)
  guard int(call.first) >= 0, (0...2).contains(command) || (11...17).contains(command) else { throw .EINVAL }
  let set = try set(call.first)
  switch command {
  case SystemVCommand.status:
    try set.check(4)
    try check(ProgramMemory.store(set.status, at: call.fourth))
  case SystemVCommand.set:
    try set.setPermissions(at: call.fourth)
  case SystemVCommand.remove:
    try set.checkOwner()
    SemaphoreSet.all.remove(set)
  case 13:  // GETALL
    try set.check(4)
    for (index, semaphore) in set.semaphores.enumerated() {
      try check(ProgramMemory.store(UInt16(semaphore.value), at: call.fourth &+ UInt64(index * 2)))
    }
  case 17:  // SETALL
    try set.check(2)
    guard let bytes = ProgramMemory.bytes(at: call.fourth, count: set.semaphores.count * 2) else { throw .EFAULT }
    func value(_ index: Int) -> Int32 { Int32(bytes[index * 2]) | Int32(bytes[index * 2 + 1]) << 8 }
    for index in set.semaphores.indices where value(index) > SemaphoreSet.greatestValue { throw .ERANGE }
    for index in set.semaphores.indices { set.set(index, value(index)) }
    set.touch()
    set.waiters.wake()
  default: return try oneSemaphore(set, Int(int(call.second)), command, int(call.fourth))
  }
  return 0
}

/// GETPID, GETVAL, GETNCNT, GETZCNT and SETVAL.
private func oneSemaphore(_ set: SemaphoreSet, _ index: Int, _ command: Int32, _ value: Int32) throws(Errno) -> UInt64 {
  let isSet = command == 16
  if isSet && !(0...SemaphoreSet.greatestValue).contains(value) { throw .ERANGE }
  guard set.semaphores.indices.contains(index) else { throw .EINVAL }
  try set.check(isSet ? 2 : 4)
  let semaphore = set.semaphores[index]
  switch command {
  case 11: return UInt64(semaphore.process)
  case 12: return UInt64(semaphore.value)
  case 14: return UInt64(semaphore.waitForIncrease)
  case 15: return UInt64(semaphore.waitForZero)
  default:
    set.set(index, value)
    set.touch()
    set.waiters.wake()
    return 0
  }
}
