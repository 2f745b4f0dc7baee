// SPDX-License-Identifier: Apache-2.0
import Machine

private func makeEpoll(closeOnExec: Bool) throws(Errno) -> UInt64 {
  try UnnamedNode.checkRoom()
  return try UnnamedNode.install(Epoll(), "anon_inode:[eventpoll]", isNonBlocking: false, closeOnExec: closeOnExec)
}

func sysEpollCreate(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard int(call.first) > 0 else { throw .EINVAL }
  return try makeEpoll(closeOnExec: false)
}

func sysEpollCreate1(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let flags = OpenFlags(rawValue: UInt32(truncatingIfNeeded: call.first))
  guard flags.isSubset(of: .closeOnExec) else { throw .EINVAL }
  return try makeEpoll(closeOnExec: !flags.isEmpty)
}

/// EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD.
private let add: Int32 = 1
private let delete: Int32 = 2
private let modify: Int32 = 3

func sysEpollCtl(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let operation = int(call.second)
  var wanted: EpollEvents = []
  var data: UInt64 = 0
  if operation != delete {
    guard let events = ProgramMemory.load(UInt32.self, at: call.fourth),
      let word = ProgramMemory.loadWord(at: call.fourth &+ 4)
    else { throw .EFAULT }
    wanted = EpollEvents(rawValue: events)
    data = word
  }
  let epollFile = try descriptors.file(call.first)
  let file = try descriptors.file(call.third)
  guard file.content.isPollable else { throw .EPERM }
  guard file !== epollFile, let epoll = epollFile.content as? Epoll else { throw .EINVAL }
  if operation != delete && wanted.contains(.exclusive) {
    guard operation == add, !(file.content is Epoll), wanted.isSubset(of: .exclusiveCompanions) else { throw .EINVAL }
  }
  let descriptor = UInt32(truncatingIfNeeded: call.third)
  let item = epoll.find(descriptor, file)
  switch operation {
  case add:
    guard item == nil else { throw .EEXIST }
    try epoll.add(descriptor, file, wanted, data: data)
  case delete:
    guard let item else { throw .ENOENT }
    epoll.remove(item)
  case modify:
    guard let item else { throw .ENOENT }
    if item.wanted.contains(.exclusive) { throw .EINVAL }
    epoll.modify(item, wanted, data: data)
  default: throw .EINVAL
  }
  return 0
}

// MARK: waiting

private func wait(_ call: inout TrapFrame, deadline: UInt64?) throws(Errno) -> UInt64 {
  let count = int(call.third)
  guard count > 0, UInt64(count) <= UInt64(Int32.max) / Epoll.eventSize else { throw .EINVAL }
  guard ProgramMemory.isPlace(call.second, UInt64(count) &* Epoll.eventSize) else { throw .EFAULT }
  // Held while the thread waits: the instance is closed when nobody waits any more.
  let file = try descriptors.file(call.first)
  do throws(Errno) {
    return UInt64(try file.content.waitForEvents(call.second, count: Int(count), deadline: deadline))
  } catch {
    // Never restarted (signal(7)).
    throw error == .ERESTARTSYS ? .EINTR : error
  }
}

func sysEpollWait(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try wait(&call, deadline: waitingDeadline(milliseconds: call.fourth))
}

func sysEpollPwait(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try replaceSignalMask(call.fifth, size: call.sixth)
  return try wait(&call, deadline: waitingDeadline(milliseconds: call.fourth))
}

func sysEpollPwait2(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let deadline = try waitingDeadline(at: call.fourth)
  try replaceSignalMask(call.fifth, size: call.sixth)
  return try wait(&call, deadline: deadline)
}
