// SPDX-License-Identifier: Apache-2.0
import Machine

/// A set of System V semaphores. SEM_UNDO has no effect that could be seen: it takes back what was done when the process
/// ends, and nobody else is there.
final class SemaphoreSet: SystemVObject {
  /// What IPC_STAT tells (arch/x86/include/uapi/asm/sembuf.h).
  struct Status: BitwiseCopyable {
    var permissions: Permissions
    var operated: UInt64
    var unused0: UInt64 = 0
    var changed: UInt64
    var unused1: UInt64 = 0
    var count: UInt64
    var unused: (UInt64, UInt64) = (0, 0)
  }
  /// `struct sembuf`.
  struct Operation: BitwiseCopyable {
    var semaphore: UInt16
    var change: Int16
    var flags: Int16

    /// IPC_NOWAIT.
    var mayWait: Bool { flags & 0o4000 == 0 }
  }
  /// One semaphore.
  struct Semaphore {
    var value: Int32 = 0
    /// The process that last changed it; 0: nobody.
    var process: Int32 = 0
    var waitForIncrease: UInt32 = 0
    var waitForZero: UInt32 = 0
  }

  static let all = SystemVTable()
  /// SEMMSL, SEMOPM, SEMVMX.
  static var greatestCount: Int32 { 32000 }
  static var greatestOperations: UInt64 { 500 }
  static var greatestValue: Int32 { 32767 }

  var semaphores: [Semaphore]
  var operated: UInt64 = 0

  init(key: Int32, flags: Int32, count: Int) {
    semaphores = [Semaphore](repeating: Semaphore(), count: count)
    super.init(key: key, flags: flags)
  }

  var status: Status {
    Status(permissions: permissions, operated: operated, changed: changed, count: UInt64(semaphores.count))
  }

  /// Does all of `operations`, or nothing and returns the one that cannot be done yet.
  private func attempt(_ operations: [Operation]) throws(Errno) -> Operation? {
    var done = 0
    var obstacle: Operation?
    var error: Errno?
    for operation in operations {
      let index = Int(operation.semaphore)
      let value = semaphores[index].value
      let new = value + Int32(operation.change)
      if operation.change == 0 && value != 0 || new < 0 {
        obstacle = operation
        break
      }
      if new > Self.greatestValue {
        error = .ERANGE
        break
      }
      semaphores[index].value = new
      done += 1
    }
    if obstacle == nil && error == nil {
      for operation in operations { semaphores[Int(operation.semaphore)].process = ProcessGroup.process }
      return nil
    }
    for operation in operations[..<done] { semaphores[Int(operation.semaphore)].value -= Int32(operation.change) }
    if let error { throw error }
    return obstacle
  }

  /// semop(2): waits until all can be done at once. EAGAIN: one that may not wait cannot, or time is over.
  func operate(_ operations: [Operation], deadline: UInt64?) throws(Errno) {
    var obstacle = try attempt(operations)
    while let current = obstacle {
      guard current.mayWait else { throw .EAGAIN }
      count(current, 1)
      defer { if !isRemoved { count(current, UInt32.max) } }
      var error: Errno?
      do throws(Errno) {
        let isInTime = try Wait.until(waiters, deadline: deadline) {
          if isRemoved { return true }
          do throws(Errno) { obstacle = try attempt(operations) } catch let failure { error = failure }
          return error != nil || obstacle?.semaphore != current.semaphore || obstacle?.change != current.change
        }
        if !isInTime { throw .EAGAIN }
      } catch {
        // Never made again (signal(7)).
        throw error == .ERESTARTSYS ? .EINTR : error
      }
      if isRemoved { throw .EIDRM }
      if let error { throw error }
    }
    operated = Self.now
    waiters.wake()
  }

  /// One more, or one less, waits for what stops `operation`.
  private func count(_ operation: Operation, _ change: UInt32) {
    if operation.change == 0 {
      semaphores[Int(operation.semaphore)].waitForZero &+= change
    } else {
      semaphores[Int(operation.semaphore)].waitForIncrease &+= change
    }
  }

  /// SETVAL and SETALL.
  func set(_ index: Int, _ value: Int32) {
    semaphores[index].value = value
    semaphores[index].process = ProcessGroup.process
  }
}
