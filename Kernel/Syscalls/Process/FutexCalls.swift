// SPDX-License-Identifier: Apache-2.0
import Futexes
import Machine

/// The operations of futex(2) (include/uapi/linux/futex.h).
private enum Operation: UInt64 {
  case wait = 0
  case wake = 1
  case requeue = 3
  case compareRequeue = 4
  case wakeOperation = 5
  case lockPI = 6
  case unlockPI = 7
  case tryLockPI = 8
  case waitBits = 9
  case wakeBits = 10
  case waitRequeuePI = 11
  case compareRequeuePI = 12
  case lockPI2 = 13
}

/// FUTEX_PRIVATE_FLAG
private let privateFlag: UInt64 = 0x80

func sysFutex(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  // What nearly all calls are comes before what needs a larger frame.
  switch call.second & 0xffff_ffff {
  case Operation.wake.rawValue | privateFlag:
    let key = try FutexWaits.key(call.first, isPrivate: true)
    return UInt64(truncatingIfNeeded: FutexWaits.wake(key, count: max(1, Int(int(call.third)))))
  case Operation.wait.rawValue | privateFlag: return try waitRelative(&call)
  default: return try otherOperation(&call)
  }
}

@inline(never)
private func waitRelative(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let key = try FutexWaits.key(call.first, isPrivate: call.second & privateFlag != 0)
  let deadline = try deadline(at: call.fourth, isRelative: true, isRealtime: false)
  return try wait(&call, key, FutexWaits.anyBit, deadline, true)
}

@inline(never)
private func otherOperation(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard let operation = Operation(rawValue: call.second & 0xffff_fe7f) else { throw .ENOSYS }
  let isPrivate = call.second & privateFlag != 0
  let usesRealtime = call.second & 0x100 != 0
  if usesRealtime && operation != .waitBits && operation != .lockPI2 && operation != .waitRequeuePI { throw .ENOSYS }
  let key = try FutexWaits.key(call.first, isPrivate: isPrivate)
  let count = Int(int(call.third))
  switch operation {
  case .waitBits:
    let bits = UInt32(truncatingIfNeeded: call.sixth)
    guard bits != 0 else { throw .EINVAL }
    let deadline = try deadline(at: call.fourth, isRelative: false, isRealtime: usesRealtime)
    return try wait(&call, key, bits, deadline, false)
  case .wakeBits:
    let bits = UInt32(truncatingIfNeeded: call.sixth)
    guard bits != 0 else { throw .EINVAL }
    return UInt64(FutexWaits.wake(key, count: max(1, count), bits: bits))
  case .requeue, .compareRequeue:
    let other = try FutexWaits.key(call.fifth, isPrivate: isPrivate)
    let move = Int(int(call.fourth))
    guard count >= 0, move >= 0 else { throw .EINVAL }
    if operation == .compareRequeue {
      guard try FutexWaits.load(call.first) == UInt32(truncatingIfNeeded: call.sixth) else { throw .EAGAIN }
    }
    let result = FutexWaits.requeue(from: key, to: other, wake: count, move: move)
    return UInt64(operation == .requeue ? result.woken : result.woken + result.requeued)
  case .wait: return try waitRelative(&call)
  case .wake: return UInt64(FutexWaits.wake(key, count: max(1, count)))
  case .wakeOperation: return try wakeOperation(&call, key, isPrivate)
  case .lockPI, .lockPI2:
    let isRealtime = operation == .lockPI || usesRealtime
    let deadline = try deadline(at: call.fourth, isRelative: false, isRealtime: isRealtime)
    try PriorityMutex.lock(call.first, key, deadline: deadline)
    return 0
  case .tryLockPI:
    guard try PriorityMutex.tryLock(call.first, key, marksWaiting: false) else { throw .EAGAIN }
    return 0
  case .unlockPI:
    try PriorityMutex.unlock(call.first, key)
    return 0
  case .waitRequeuePI:
    guard call.first != call.fifth else { throw .EINVAL }
    let deadline = try deadline(at: call.fourth, isRelative: false, isRealtime: usesRealtime)
    let other = try FutexWaits.key(call.fifth, isPrivate: isPrivate)
    guard try FutexWaits.load(call.first) == UInt32(truncatingIfNeeded: call.third) else { throw .EAGAIN }
    try PriorityMutex.wait(key, thenFor: call.fifth, other, deadline: deadline)
    return 0
  case .compareRequeuePI:
    let move = Int(int(call.fourth))
    // Who is woken gets the mutex, so that it is one always.
    guard count == 1, move >= 0, call.first != call.fifth else { throw .EINVAL }
    let other = try FutexWaits.key(call.fifth, isPrivate: isPrivate)
    guard try FutexWaits.load(call.first) == UInt32(truncatingIfNeeded: call.sixth) else { throw .EAGAIN }
    return UInt64(try PriorityMutex.requeue(key, to: call.fifth, other, count: move))
  }
}

/// A `struct timespec` as a monotonic time; nil for ever.
@inline(__always)
private func deadline(at address: UInt64, isRelative: Bool, isRealtime: Bool) throws(Errno) -> UInt64? {
  address == 0 ? nil : try loadDeadline(at: address, isRelative: isRelative, isRealtime: isRealtime)
}

@inline(never)
private func loadDeadline(at address: UInt64, isRelative: Bool, isRealtime: Bool) throws(Errno) -> UInt64 {
  let time = try TimeSpecification.load(at: address)
  guard time.isValid else { throw .EINVAL }
  let nanoseconds = time.nanosecondsSaturating
  if !isRelative && !isRealtime { return nanoseconds }
  let now = Clock.monotonicNanoseconds()
  if isRelative { return now.addingSaturating(nanoseconds) }
  let realtime = Clock.realtimeNanoseconds()
  return nanoseconds > realtime ? now.addingSaturating(nanoseconds - realtime) : now
}

private func wait(
  _ call: inout TrapFrame, _ key: FutexKey, _ bits: UInt32, _ deadline: UInt64?, _ isRelative: Bool
) throws(Errno) -> UInt64 {
  // Between this look and the sleep no other thread runs.
  guard try FutexWaits.load(call.first) == UInt32(truncatingIfNeeded: call.third) else { throw .EAGAIN }
  do throws(Errno) {
    try FutexWaits.wait(key, bits: bits, deadline: deadline)
  } catch {
    // A relative time would start afresh; absolute ones, and none, may be waited for again.
    throw error == .ERESTARTSYS && deadline != nil && isRelative ? .EINTR : error
  }
  return 0
}

/// FUTEX_WAKE_OP: changes the second word, wakes waiters of the first, and of the second if its old value says so.
private func wakeOperation(_ call: inout TrapFrame, _ key: FutexKey, _ isPrivate: Bool) throws(Errno) -> UInt64 {
  let other = try FutexWaits.key(call.fifth, isPrivate: isPrivate)
  guard let operation = FutexOperation(encoded: UInt32(truncatingIfNeeded: call.sixth)) else { throw .ENOSYS }
  let old = try FutexWaits.update(call.fifth) { old throws(Errno) in operation.apply(to: old) }
  guard operation.comparison != nil else { throw .ENOSYS }
  var woken = FutexWaits.wake(key, count: max(1, Int(int(call.third))))
  if operation.isSatisfied(by: old) { woken += FutexWaits.wake(other, count: max(1, Int(int(call.fourth)))) }
  return UInt64(woken)
}

// MARK: several words

/// futex_waitv(2): waits on up to 128 words; returns the index of one that was woken.
func sysFutexWaitv(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  struct Waiter: BitwiseCopyable {
    var value: UInt64
    var address: UInt64
    var flags: UInt32
    var reserved: UInt32
  }
  let count = call.second & 0xffff_ffff
  guard call.third & 0xffff_ffff == 0, (1...128).contains(count), call.first != 0 else { throw .EINVAL }
  let clock = int(call.fifth)
  guard clock == 0 || clock == 1 || call.fourth == 0 else { throw .EINVAL }
  let deadline = try deadline(at: call.fourth, isRelative: false, isRealtime: clock == 0)
  var waiters: [Waiter] = []
  var keys: [FutexKey] = []
  for index in 0..<count {
    guard let waiter = ProgramMemory.load(Waiter.self, at: call.first &+ index &* 24) else { throw .EFAULT }
    // FUTEX2_SIZE_U32, FUTEX2_PRIVATE
    guard waiter.flags & ~0x82 == 0, waiter.flags & 3 == 2, waiter.reserved == 0 else { throw .EINVAL }
    waiters.append(waiter)
    keys.append(try FutexWaits.key(waiter.address, isPrivate: waiter.flags & 0x80 != 0))
  }
  for waiter in waiters {
    guard try FutexWaits.load(waiter.address) == UInt32(truncatingIfNeeded: waiter.value) else { throw .EAGAIN }
  }
  return UInt64(try FutexWaits.wait(keys, deadline: deadline))
}

/// membarrier(2).
func sysMembarrier(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard int(call.second) == 0 else { throw .EINVAL }
  let known: UInt64 = 0x1f  // QUERY's own answer: GLOBAL, GLOBAL_EXPEDITED, PRIVATE_EXPEDITED and their registrations
  switch int(call.first) {
  case 0: return known
  // GLOBAL, GLOBAL_EXPEDITED, PRIVATE_EXPEDITED: all other threads enter the kernel, which is barrier enough.
  case 1, 2, 8:
    Processors.holdOthers()
    return 0
  // Nobody has to register.
  case 4, 16: return 0
  default: throw .EINVAL
  }
}
