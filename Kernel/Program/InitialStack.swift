// SPDX-License-Identifier: Apache-2.0
import Machine

/// The stack as a program finds it at its first instruction: argument count, argument and environment
/// pointers, auxiliary vector, and above them the strings (System V ABI, AMD64 supplement, 3.4.1).
struct InitialStack {
  /// Entries of the auxiliary vector (include/uapi/linux/auxvec.h).
  enum Auxiliary {
    static let end: UInt64 = 0
    static let programHeaders: UInt64 = 3
    static let programHeaderSize: UInt64 = 4
    static let programHeaderCount: UInt64 = 5
    static let pageSize: UInt64 = 6
    static let base: UInt64 = 7
    static let flags: UInt64 = 8
    static let entry: UInt64 = 9
    static let userID: UInt64 = 11
    static let effectiveUserID: UInt64 = 12
    static let groupID: UInt64 = 13
    static let effectiveGroupID: UInt64 = 14
    static let platform: UInt64 = 15
    static let hardware: UInt64 = 16
    static let clockTicks: UInt64 = 17
    static let secure: UInt64 = 23
    static let random: UInt64 = 25
    static let hardware2: UInt64 = 26
    static let executablePath: UInt64 = 31
    static let vdso: UInt64 = 33
    static let minimumSignalStack: UInt64 = 51
  }

  /// Strings and their pointers may take this many bytes, and one string this many (as on Linux).
  static let maximumSize = 2 << 20
  static let maximumString = 128 << 10

  /// Whether arguments and environment fit (else `execve` fails with E2BIG before anything is given up).
  ///
  /// A quarter of the stack's limit may be used, but 128 KiB always.
  static func fits(_ arguments: [[UInt8]], _ environment: [[UInt8]]) -> Bool {
    let maximum = max(min(maximumSize, Int(min(limits.stack / 4, UInt64(maximumSize)))), 128 << 10)
    var size = 0
    for list in [arguments, environment] {
      for string in list {
        guard string.count < maximumString else { return false }
        size += string.count + 9
        guard size <= maximum else { return false }
      }
    }
    return true
  }

  /// Bytes from the stack pointer up.
  private var words: [UInt64] = []
  private var strings: [UInt8] = []
  private var stringsStart: UInt64

  /// Where the stack pointer is to be.
  private(set) var stackPointer: UInt64
  /// The auxiliary vector alone, as `/proc/self/auxv` shows it.
  private(set) var auxiliaryVector: [UInt8] = []

  private mutating func place(_ string: [UInt8]) -> UInt64 {
    let address = stringsStart &+ UInt64(strings.count)
    strings += string
    strings.append(0)
    return address
  }

  /// Lays the stack out below `top` and writes it there. The stack's mapping must exist.
  init(
    top: UInt64, arguments: [[UInt8]], environment: [[UInt8]], executablePath: [UInt8],
    auxiliary: [(UInt64, UInt64)], random: [UInt8]
  ) throws(Errno) {
    var stringBytes = executablePath.count + 1 + 7 + 16
    for string in arguments { stringBytes += string.count + 1 }
    for string in environment { stringBytes += string.count + 1 }
    stringsStart = (top &- 16 &- UInt64(stringBytes)) & ~15
    // A random distance on top of the random base, as on Linux, in whole 16 bytes.
    stringsStart &-= Random.next() & 0x1ff0
    stackPointer = 0
    words.reserveCapacity(arguments.count + environment.count + 2 * auxiliary.count + 16)
    strings.reserveCapacity(stringBytes)

    // First, so that they are aligned to 16.
    let randomAddress = stringsStart
    strings += random
    words.append(UInt64(arguments.count))
    for string in arguments { words.append(place(string)) }
    words.append(0)
    for string in environment { words.append(place(string)) }
    words.append(0)
    let vectorStart = words.count
    for (type, value) in auxiliary {
      words.append(type)
      words.append(value)
    }
    words.append(Auxiliary.random)
    words.append(randomAddress)
    words.append(Auxiliary.executablePath)
    words.append(place(executablePath))
    words.append(Auxiliary.platform)
    words.append(place([0x78, 0x38, 0x36, 0x5f, 0x36, 0x34]))  // "x86_64"
    words.append(Auxiliary.end)
    words.append(0)

    stackPointer = (stringsStart &- UInt64(words.count * 8)) & ~15
    var bytes: [UInt8] = []
    bytes.reserveCapacity(words.count * 8)
    for word in words {
      for shift in 0..<UInt64(8) { bytes.append(UInt8(truncatingIfNeeded: word >> (8 * shift))) }
    }
    auxiliaryVector = [UInt8](bytes[(vectorStart * 8)...])
    guard ProgramMemory.write(bytes.span, to: stackPointer),
      ProgramMemory.write(strings.span, to: stringsStart)
    else { throw .ENOMEM }
  }
}
