// SPDX-License-Identifier: Apache-2.0
import Machine

func sysGetuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { UInt64(identity.userID) }
func sysGeteuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { UInt64(identity.effectiveUserID) }
func sysGetgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { UInt64(identity.groupID) }
func sysGetegid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { UInt64(identity.effectiveGroupID) }

/// "Leave as it is", for the calls that set several.
private let unchanged = UInt32.max

@inline(__always) private func id(_ argument: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: argument) }

func sysSetuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let user = id(call.first)
  guard user != unchanged else { throw .EINVAL }
  if identity.may(.setUserID) {
    identity.setUsers(real: user, effective: user, saved: user)
  } else {
    guard user == identity.userID || user == identity.savedUserID else { throw .EPERM }
    identity.setUsers(real: identity.userID, effective: user, saved: identity.savedUserID)
  }
  return 0
}

func sysSetgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let group = id(call.first)
  guard group != unchanged else { throw .EINVAL }
  if identity.may(.setGroupID) {
    identity.setGroups(real: group, effective: group, saved: group)
  } else {
    guard group == identity.groupID || group == identity.savedGroupID else { throw .EPERM }
    identity.setGroups(real: identity.groupID, effective: group, saved: identity.savedGroupID)
  }
  return 0
}

/// Linux: the saved one follows when the real one is set, or the effective one to something new.
private func savedAfter(_ real: UInt32, _ effective: UInt32, old: UInt32, saved: UInt32, new: UInt32) -> UInt32 {
  real != unchanged || (effective != unchanged && effective != old) ? new : saved
}

func sysSetreuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (real, effective) = (id(call.first), id(call.second))
  if !identity.may(.setUserID) {
    guard real == unchanged || real == identity.userID || real == identity.effectiveUserID else { throw .EPERM }
    guard
      effective == unchanged || effective == identity.userID || effective == identity.effectiveUserID
        || effective == identity.savedUserID
    else { throw .EPERM }
  }
  let newEffective = effective == unchanged ? identity.effectiveUserID : effective
  identity.setUsers(
    real: real == unchanged ? identity.userID : real, effective: newEffective,
    saved: savedAfter(real, effective, old: identity.userID, saved: identity.savedUserID, new: newEffective))
  return 0
}

func sysSetregid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let (real, effective) = (id(call.first), id(call.second))
  if !identity.may(.setGroupID) {
    guard real == unchanged || real == identity.groupID || real == identity.effectiveGroupID else { throw .EPERM }
    guard
      effective == unchanged || effective == identity.groupID || effective == identity.effectiveGroupID
        || effective == identity.savedGroupID
    else { throw .EPERM }
  }
  let newEffective = effective == unchanged ? identity.effectiveGroupID : effective
  identity.setGroups(
    real: real == unchanged ? identity.groupID : real, effective: newEffective,
    saved: savedAfter(real, effective, old: identity.groupID, saved: identity.savedGroupID, new: newEffective))
  return 0
}

func sysSetresuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let current = (identity.userID, identity.effectiveUserID, identity.savedUserID)
  for wish in [id(call.first), id(call.second), id(call.third)] where !identity.may(.setUserID) {
    guard wish == unchanged || wish == current.0 || wish == current.1 || wish == current.2 else { throw .EPERM }
  }
  identity.setUsers(
    real: id(call.first) == unchanged ? current.0 : id(call.first),
    effective: id(call.second) == unchanged ? current.1 : id(call.second),
    saved: id(call.third) == unchanged ? current.2 : id(call.third))
  return 0
}

func sysSetresgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let current = (identity.groupID, identity.effectiveGroupID, identity.savedGroupID)
  for wish in [id(call.first), id(call.second), id(call.third)] where !identity.may(.setGroupID) {
    guard wish == unchanged || wish == current.0 || wish == current.1 || wish == current.2 else { throw .EPERM }
  }
  identity.setGroups(
    real: id(call.first) == unchanged ? current.0 : id(call.first),
    effective: id(call.second) == unchanged ? current.1 : id(call.second),
    saved: id(call.third) == unchanged ? current.2 : id(call.third))
  return 0
}

private func store(_ first: UInt32, _ second: UInt32, _ third: UInt32, _ call: TrapFrame) throws(Errno) -> UInt64 {
  try check(ProgramMemory.store(first, at: call.first))
  try check(ProgramMemory.store(second, at: call.second))
  try check(ProgramMemory.store(third, at: call.third))
  return 0
}

func sysGetresuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try store(identity.userID, identity.effectiveUserID, identity.savedUserID, call)
}

func sysGetresgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try store(identity.groupID, identity.effectiveGroupID, identity.savedGroupID, call)
}

/// Returns the old one, whether or not the new one was allowed: so it is on Linux.
func sysSetfsuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let old = identity.fileSystemUserID
  let new = id(call.first)
  let isOwn = new == identity.userID || new == identity.effectiveUserID || new == identity.savedUserID || new == old
  if new != unchanged && (isOwn || identity.may(.setUserID)) { identity.fileSystemUserID = new }
  return UInt64(old)
}

func sysSetfsgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let old = identity.fileSystemGroupID
  let new = id(call.first)
  let isOwn =
    new == identity.groupID || new == identity.effectiveGroupID || new == identity.savedGroupID || new == old
  if new != unchanged && (isOwn || identity.may(.setGroupID)) { identity.fileSystemGroupID = new }
  return UInt64(old)
}

func sysGetgroups(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let room = int(call.first)
  guard room >= 0 else { throw .EINVAL }
  if room == 0 { return UInt64(identity.groups.count) }
  guard Int(room) >= identity.groups.count else { throw .EINVAL }
  for (index, group) in identity.groups.enumerated() {
    try check(ProgramMemory.store(group, at: call.second &+ UInt64(index) &* 4))
  }
  return UInt64(identity.groups.count)
}

func sysSetgroups(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard identity.may(.setGroupID) else { throw .EPERM }
  let count = int(call.first)
  guard count >= 0, count <= 65536 else { throw .EINVAL }  // NGROUPS_MAX
  try reserveKernelMemory(bytes: Int(count) &* 8)
  var groups: [UInt32] = []
  for index in 0..<UInt64(count) {
    guard let group = ProgramMemory.load(UInt32.self, at: call.second &+ index &* 4) else { throw .EFAULT }
    groups.append(group)
  }
  identity.groups = groups
  return 0
}
