// SPDX-License-Identifier: Apache-2.0

/// What a person wants the machine to be. Every field that nobody spoke about is nil or empty, so that settings from
/// several places (a VCFG file, the command line) can be laid over each other before the defaults fill the rest.
public struct Settings: Equatable, Sendable {
  /// Path of the program in the machine's file system.
  public var binary: String?
  /// The arguments after `argv[0]`.
  public var arguments: [String]?
  /// `NAME=VALUE`; of two with one name the later counts.
  public var environment: [String] = []
  public var workingDirectory: String?

  public var processors: Int?
  public var memoryInBytes: UInt64?
  public var diskSize: DiskSize?

  /// Whether memory may be writable and executable; nil leaves it to what is recognised in the image.
  public var allowsJIT: Bool?
  public var hostname: String?
  public var user: User?

  /// What was said but has no effect in this version: one sentence each, for the person to see.
  public var notices: [String] = []

  public init() {}

  /// These settings, with everything that `other` says laid over them.
  public func overridden(by other: Settings) -> Settings {
    var result = self
    result.binary = other.binary ?? binary
    result.arguments = other.arguments ?? arguments
    result.environment = environment + other.environment
    result.workingDirectory = other.workingDirectory ?? workingDirectory
    result.processors = other.processors ?? processors
    result.memoryInBytes = other.memoryInBytes ?? memoryInBytes
    result.diskSize = other.diskSize ?? diskSize
    result.allowsJIT = other.allowsJIT ?? allowsJIT
    result.hostname = other.hostname ?? hostname
    result.user = other.user ?? user
    result.notices = notices + other.notices
    return result
  }
}

/// How large the disk is to be.
public enum DiskSize: Equatable, Sendable {
  /// The whole disk.
  case total(UInt64)
  /// So much free space besides what the files need (`+64M`).
  case free(UInt64)
}

/// Whose rights the program has.
public struct User: Equatable, Sendable {
  public var name: String
  public var identifier: UInt32

  public static let root = User(name: "root", identifier: 0)

  public init(name: String, identifier: UInt32) {
    self.name = name
    self.identifier = identifier
  }

  /// `root`, a number, or another name, which is then the name of user 1000 as VCFG has it.
  public init(_ text: String) {
    if let identifier = UInt32(text) {
      self.init(name: identifier == 0 ? "root" : "user\(identifier)", identifier: identifier)
    } else {
      self.init(name: text, identifier: text == "root" ? 0 : 1000)
    }
  }
}
