// SPDX-License-Identifier: Apache-2.0
import DiskLayout
public import HostSystem
public import Logging
import MachineConfiguration
import Programs
public import SystemPackage

/// An image that was built.
public struct MachineImage: Sendable {
  public let path: FilePath
  public let sizeInBytes: UInt64
  public let fileCount: Int
  public let program: String

  /// The result for other programs: one object on one line.
  public var json: String {
    "{\"image\": \(quoted(path.string)), \"bytes\": \(sizeInBytes), \"files\": \(fileCount), \"program\": \(quoted(program))}"
  }

  private func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\\(scalar)"
      case "\0"..."\u{1f}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

extension MachinePlan {
  /// Tells the person what the plan is worth telling, and with `verbose` every file in it.
  public func report(to logger: Logger, verbose: Bool) {
    for notice in notices { logger.notice("\(notice)") }
    guard verbose else { return }
    for detail in details { logger.info("\(detail)") }
    for line in tree.listing() { logger.info("\(line)") }
  }

  /// Builds the image that `vorteil build` makes: whole under its name at `path`, or not at all.
  public func build(at path: FilePath, kernel: FilePath) throws(Failure) -> MachineImage {
    let kernelBytes: [UInt8]
    do throws(Errno) {
      let kernelFile = try OpenFile.open(kernel)
      kernelBytes = try kernelFile.bytes(at: 0, count: Int(try kernelFile.status().size))
    } catch {
      throw Failure("read", kernel, error)
    }
    let builder = try DiskBuilder(self, kernel: kernelBytes)
    let new: NewFile
    do throws(Errno) {
      new = try NewFile(at: path, permissions: [.ownerReadWrite, .groupRead, .otherRead])
    } catch {
      throw Failure("write", path, error)
    }
    try builder.write(to: new.file, title: "building \(path.lastComponent?.string ?? "")")
    do throws(Errno) { try new.commit() } catch { throw Failure("write", path, error) }
    return MachineImage(
      path: path, sizeInBytes: builder.diskSize, fileCount: tree.count,
      program: String(decoding: configuration.program, as: UTF8.self))
  }
}
