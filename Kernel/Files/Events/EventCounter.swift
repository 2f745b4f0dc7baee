// SPDX-License-Identifier: Apache-2.0
import Machine

/// The counter of eventfd(2): writing adds to it, reading takes it, or one of it.
final class EventCounter: UnnamedNode {
  private var count: UInt64
  private let isSemaphore: Bool

  init(_ count: UInt64, isSemaphore: Bool) {
    self.count = count
    self.isSemaphore = isSemaphore
  }

  override func readiness() -> Readiness {
    var result: Readiness = []
    if count > 0 { result.insert(.readable) }
    if count < .max - 1 { result.insert(.writable) }
    return result
  }

  override func read(at offset: UInt64, to address: UInt64, count size: Int, mayWait: Bool) throws(Errno) -> Int {
    guard size >= 8 else { throw .EINVAL }
    if count == 0 { try waitForCount(mayWait) }
    let taken = isSemaphore ? 1 : count
    count &-= taken
    waiters.wake(.output)
    try check(ProgramMemory.storeWord(taken, at: address))
    return 8
  }

  override func write(at offset: UInt64, from address: UInt64, count size: Int, mayWait: Bool) throws(Errno) -> Int {
    guard size >= 8 else { throw .EINVAL }
    guard let added = ProgramMemory.loadWord(at: address) else { throw .EFAULT }
    guard added != .max else { throw .EINVAL }
    // The greatest number is never reached: it would say that the counter has overflowed.
    if .max - count <= added { try waitForRoom(added, mayWait) }
    count &+= added
    waiters.wake(.input)
    return 8
  }

  @inline(never)
  private func waitForCount(_ mayWait: Bool) throws(Errno) {
    guard mayWait else { throw .EAGAIN }
    try Wait.until(waiters.queue) { self.count > 0 }
  }

  @inline(never)
  private func waitForRoom(_ added: UInt64, _ mayWait: Bool) throws(Errno) {
    guard mayWait else { throw .EAGAIN }
    try Wait.until(waiters.queue) { .max - self.count > added }
  }
}
