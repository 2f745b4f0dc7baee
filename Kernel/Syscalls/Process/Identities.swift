// SPDX-License-Identifier: Apache-2.0
import Machine

func sysGetuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { UInt64(identity.userID) }
func sysGeteuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { UInt64(identity.effectiveUserID) }
func sysGetgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { UInt64(identity.groupID) }
func sysGetegid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { UInt64(identity.effectiveGroupID) }

/// "Leave as it is", for the calls that set several.
private let unchanged = UInt32.max

@inline(__always) private func id(_ argument: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: argument) }

// The calls come in pairs, for users and for groups: what each makes of the three numbers is said once.

/// `setuid` and `setgid`: all three with the capability, else the effective one.
private func set(_ old: IdentityNumbers, _ argument: UInt64, _ capability: Capabilities) throws(Errno)
  -> IdentityNumbers
{
  let number = id(argument)
  guard number != unchanged else { throw .EINVAL }
  if identity.may(capability) { return IdentityNumbers(real: number, effective: number, saved: number) }
  guard number == old.real || number == old.saved else { throw .EPERM }
  return IdentityNumbers(real: old.real, effective: number, saved: old.saved)
}

/// `setreuid` and `setregid`.
private func setTwo(_ old: IdentityNumbers, _ call: TrapFrame, _ capability: Capabilities) throws(Errno)
  -> IdentityNumbers
{
  let (real, effective) = (id(call.first), id(call.second))
  if !identity.may(capability) {
    guard real == unchanged || real == old.real || real == old.effective else { throw .EPERM }
    guard effective == unchanged || old.contains(effective) else { throw .EPERM }
  }
  var new = old
  if real != unchanged { new.real = real }
  if effective != unchanged { new.effective = effective }
  // The saved one follows when the real one is set, or the effective one to something new.
  if real != unchanged || (effective != unchanged && effective != old.real) { new.saved = new.effective }
  return new
}

/// `setresuid` and `setresgid`.
private func setThree(_ old: IdentityNumbers, _ call: TrapFrame, _ capability: Capabilities) throws(Errno)
  -> IdentityNumbers
{
  let (real, effective, saved) = (id(call.first), id(call.second), id(call.third))
  for wish in [real, effective, saved] where !identity.may(capability) {
    guard wish == unchanged || old.contains(wish) else { throw .EPERM }
  }
  return IdentityNumbers(
    real: real == unchanged ? old.real : real, effective: effective == unchanged ? old.effective : effective,
    saved: saved == unchanged ? old.saved : saved)
}

func sysSetuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  identity.setUsers(try set(identity.users, call.first, .setUserID))
  return 0
}

func sysSetgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  identity.setGroups(try set(identity.ownGroups, call.first, .setGroupID))
  return 0
}

func sysSetreuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  identity.setUsers(try setTwo(identity.users, call, .setUserID))
  return 0
}

func sysSetregid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  identity.setGroups(try setTwo(identity.ownGroups, call, .setGroupID))
  return 0
}

func sysSetresuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  identity.setUsers(try setThree(identity.users, call, .setUserID))
  return 0
}

func sysSetresgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  identity.setGroups(try setThree(identity.ownGroups, call, .setGroupID))
  return 0
}

private func store(_ numbers: IdentityNumbers, _ call: TrapFrame) throws(Errno) -> UInt64 {
  try check(ProgramMemory.store(numbers.real, at: call.first))
  try check(ProgramMemory.store(numbers.effective, at: call.second))
  try check(ProgramMemory.store(numbers.saved, at: call.third))
  return 0
}

func sysGetresuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try store(identity.users, call) }
func sysGetresgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 { try store(identity.ownGroups, call) }

/// Returns the old one, whether or not the new one was allowed: so it is on Linux.
func sysSetfsuid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let old = identity.fileSystemUserID
  let new = id(call.first)
  let isOwn = new == old || identity.users.contains(new)
  if new != unchanged && (isOwn || identity.may(.setUserID)) { identity.fileSystemUserID = new }
  return UInt64(old)
}

func sysSetfsgid(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let old = identity.fileSystemGroupID
  let new = id(call.first)
  let isOwn = new == old || identity.ownGroups.contains(new)
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
