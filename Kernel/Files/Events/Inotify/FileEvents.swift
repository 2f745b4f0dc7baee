// SPDX-License-Identifier: Apache-2.0

/// What may happen to a file, and how a watch wants to be told (include/uapi/linux/inotify.h).
struct FileEvents: OptionSet, BitwiseCopyable {
  let rawValue: UInt32
  static let access = FileEvents(rawValue: 0x1)
  static let modify = FileEvents(rawValue: 0x2)
  static let attributes = FileEvents(rawValue: 0x4)
  static let closeWritable = FileEvents(rawValue: 0x8)
  static let closeOther = FileEvents(rawValue: 0x10)
  static let open = FileEvents(rawValue: 0x20)
  static let movedFrom = FileEvents(rawValue: 0x40)
  static let movedTo = FileEvents(rawValue: 0x80)
  static let create = FileEvents(rawValue: 0x100)
  static let delete = FileEvents(rawValue: 0x200)
  static let deleteSelf = FileEvents(rawValue: 0x400)
  static let moveSelf = FileEvents(rawValue: 0x800)
  static let allEvents = FileEvents(rawValue: 0xfff)

  // Told without being asked for.
  static let overflow = FileEvents(rawValue: 0x4000)
  static let ignored = FileEvents(rawValue: 0x8000)
  static let isDirectory = FileEvents(rawValue: 1 << 30)

  // Only asked for.
  static let onlyDirectory = FileEvents(rawValue: 1 << 24)
  static let doNotFollow = FileEvents(rawValue: 1 << 25)
  static let excludeUnlinked = FileEvents(rawValue: 1 << 26)
  static let maskCreate = FileEvents(rawValue: 1 << 28)
  static let maskAdd = FileEvents(rawValue: 1 << 29)
  static let oneShot = FileEvents(rawValue: 1 << 31)

  /// All that a program may say; IN_UNMOUNT, which never happens, is 0x2000.
  static let known: FileEvents = [
    .allEvents, FileEvents(rawValue: 0x2000), .overflow, .ignored, .onlyDirectory, .doNotFollow, .excludeUnlinked,
    .maskCreate, .maskAdd, .isDirectory, .oneShot,
  ]
  /// What a watch keeps.
  static let kept: FileEvents = [.allEvents, .excludeUnlinked, .oneShot]
}
