// SPDX-License-Identifier: Apache-2.0

/// Who the process is (credentials(7)). There are no other processes to protect from it, but what it may do
/// with files and with itself follows the same rules as on Linux.
struct Identity {
  var userID: UInt32 = 0
  var effectiveUserID: UInt32 = 0
  var savedUserID: UInt32 = 0
  var fileSystemUserID: UInt32 = 0
  var groupID: UInt32 = 0
  var effectiveGroupID: UInt32 = 0
  var savedGroupID: UInt32 = 0
  var fileSystemGroupID: UInt32 = 0
  /// Supplementary groups.
  var groups: [UInt32] {
    get { groupList ?? [] }
    set { groupList = newValue }
  }
  /// nil for none: an empty array would have to be made when `identity` is first used, and every use, one for
  /// each path that is looked up, would ask whether it is.
  private var groupList: [UInt32]?

  var effectiveCapabilities = Capabilities.all
  var permittedCapabilities = Capabilities.all
  var inheritableCapabilities = Capabilities()
  var boundingCapabilities = Capabilities.all
  /// PR_SET_KEEPCAPS.
  var keepsCapabilities = false
  /// PR_SET_NO_NEW_PRIVS: never taken back.
  var hasNoNewPrivileges = false

  init() {}

  /// The user and group that the machine's configuration names.
  init(user: UInt32, group: UInt32) {
    userID = user
    effectiveUserID = user
    savedUserID = user
    fileSystemUserID = user
    groupID = group
    effectiveGroupID = group
    savedGroupID = group
    fileSystemGroupID = group
    if user != 0 {
      effectiveCapabilities = Capabilities()
      permittedCapabilities = Capabilities()
    }
  }

  func isMember(of group: UInt32) -> Bool {
    group == effectiveGroupID || (groupList?.contains(group) ?? false)
  }

  func may(_ capability: Capabilities) -> Bool { effectiveCapabilities.isSuperset(of: capability) }

  var users: IdentityNumbers { IdentityNumbers(real: userID, effective: effectiveUserID, saved: savedUserID) }
  var ownGroups: IdentityNumbers { IdentityNumbers(real: groupID, effective: effectiveGroupID, saved: savedGroupID) }

  /// Sets the three user identifiers, with what that does to capabilities (capabilities(7), "Effect of user
  /// ID changes").
  mutating func setUsers(_ new: IdentityNumbers) {
    let wasRoot = users.contains(0)
    let wasEffectiveRoot = effectiveUserID == 0
    userID = new.real
    effectiveUserID = new.effective
    savedUserID = new.saved
    fileSystemUserID = new.effective
    if wasRoot && !new.contains(0) {
      if !keepsCapabilities { permittedCapabilities = Capabilities() }
      effectiveCapabilities = Capabilities()
    }
    if wasEffectiveRoot && new.effective != 0 { effectiveCapabilities = Capabilities() }
    if !wasEffectiveRoot && new.effective == 0 { effectiveCapabilities = permittedCapabilities }
  }

  mutating func setGroups(_ new: IdentityNumbers) {
    groupID = new.real
    effectiveGroupID = new.effective
    savedGroupID = new.saved
    fileSystemGroupID = new.effective
  }
}

/// The three numbers that say who a process is, among users or among groups.
struct IdentityNumbers {
  var real: UInt32
  var effective: UInt32
  var saved: UInt32

  func contains(_ number: UInt32) -> Bool { number == real || number == effective || number == saved }
}

/// A set of capabilities (include/uapi/linux/capability.h): bit n is capability n.
struct Capabilities: OptionSet {
  var rawValue: UInt64
  init(rawValue: UInt64 = 0) { self.rawValue = rawValue }

  /// CAP_CHECKPOINT_RESTORE is the last that Linux 6.1 has.
  static var last: UInt64 { 40 }
  static var all: Capabilities { Capabilities(rawValue: 1 << (last + 1) - 1) }
  static var kill: Capabilities { Capabilities(rawValue: 1 << 5) }
  static var setGroupID: Capabilities { Capabilities(rawValue: 1 << 6) }
  static var setUserID: Capabilities { Capabilities(rawValue: 1 << 7) }
  static var setPermitted: Capabilities { Capabilities(rawValue: 1 << 8) }
  static var networkAdministration: Capabilities { Capabilities(rawValue: 1 << 12) }
  /// CAP_IPC_OWNER.
  static var useObjects: Capabilities { Capabilities(rawValue: 1 << 15) }
  static var administration: Capabilities { Capabilities(rawValue: 1 << 21) }
  static var boot: Capabilities { Capabilities(rawValue: 1 << 22) }
  static var nice: Capabilities { Capabilities(rawValue: 1 << 23) }
  static var resources: Capabilities { Capabilities(rawValue: 1 << 24) }
  static var wakeAlarm: Capabilities { Capabilities(rawValue: 1 << 35) }
}

/// The process's identity.
var identity = Identity()
