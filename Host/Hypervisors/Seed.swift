// SPDX-License-Identifier: Apache-2.0
import HostSystem
import SystemPackage

/// Randomness for one start of one machine (Docs/Interfaces.md): a file without a name, gone with the tool, so that no
/// seed can ever be used twice or be found in an image.
enum Seed {
  static let marker = Array("VORTEIL SEED 1".utf8) + [0, 0]
  static let randomBytes = 64

  static func makeFile() throws(Failure) -> OpenFile {
    // On Linux this generator is `getrandom`.
    var generator = SystemRandomNumberGenerator()
    var bytes = marker
    for _ in 0..<randomBytes { bytes.append(generator.next()) }
    do throws(Errno) {
      let file = try OpenFile.temporary()
      try file.write(bytes.span, at: 0)
      return file
    } catch {
      throw Failure("cannot make a temporary file for the machine's random seed: \(error)")
    }
  }
}
