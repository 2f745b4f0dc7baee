// SPDX-License-Identifier: Apache-2.0
import Checksums
import MachineConfiguration
import Storage
import Testing

@Suite struct MachineConfigurationTests {
  func sample() -> MachineConfiguration {
    var configuration = MachineConfiguration()
    configuration.program = Array("/usr/bin/python3".utf8)
    configuration.arguments = ["python3", "", "-c", "print('ü')"].map { Array($0.utf8) }
    configuration.environment = ["HOME=/root", "PATH=/bin"].map { Array($0.utf8) }
    configuration.workingDirectory = Array("/srv".utf8)
    configuration.hostname = Array("machine".utf8)
    configuration.userID = 1000
    configuration.groupID = 0xffff_fffe
    configuration.allowsJIT = true
    return configuration
  }

  // The compiler (6.3.1) fails on a span inside of #expect.
  func decode(_ bytes: [UInt8]) throws(MachineConfigurationError) -> MachineConfiguration {
    try MachineConfiguration(decoding: bytes.span)
  }

  func encodedSize(_ bytes: [UInt8]) throws(MachineConfigurationError) -> Int {
    try MachineConfiguration.encodedSize(bytes.span)
  }

  @Test func decodesWhatItEncoded() throws {
    for configuration in [MachineConfiguration(), sample()] {
      let bytes = configuration.encode()
      #expect(try decode(bytes) == configuration)
      let padded = bytes + [UInt8](repeating: 0xaa, count: 512)
      #expect(try decode(padded) == configuration)
      #expect(try encodedSize(padded) == bytes.count)
    }
  }

  @Test func refusesWithTheReason() {
    let bytes = sample().encode()
    func error(_ change: (inout [UInt8]) -> Void) -> MachineConfigurationError? {
      var changed = bytes
      change(&changed)
      do throws(MachineConfigurationError) {
        _ = try decode(changed)
        return nil
      } catch { return error }
    }
    #expect(error { $0[0] = 0 } == .notAConfiguration)
    #expect(error { $0[8] = 9 } == .unsupportedVersion(9))
    #expect(error { $0[15] = 1 } == .tooLong)
    #expect(error { $0[30] ^= 1 } == .checksumMismatch)
    #expect(error { $0.removeLast() } == .truncated)
    #expect(error { $0.removeAll() } == .truncated)
  }

  @Test func skipsUnknownFieldsThatAreOptional() throws {
    func withField(_ field: [UInt8]) -> [UInt8] { resealed(sample().encode() + field) }
    let optional = withField([0x77, 0x01, 1, 0, 3, 0, 0, 0, 1, 2, 3])
    #expect(try decode(optional) == sample())
    let mandatory = withField([0x77, 0x01, 0, 0, 3, 0, 0, 0, 1, 2, 3])
    #expect(throws: MachineConfigurationError.unknownField(tag: 0x177)) {
      try decode(mandatory)
    }
    let zeroInName = withField([5, 0, 0, 0, 1, 0, 0, 0, 0])
    #expect(throws: MachineConfigurationError.malformedField(tag: 5)) {
      try decode(zeroInName)
    }
    let cutValue = withField([5, 0, 0, 0, 2, 0, 0, 0, 65])
    #expect(throws: MachineConfigurationError.truncated) { try decode(cutValue) }
  }

  @Test func endsWithValueOrErrorOnDamage() {
    var random = SeededGenerator(seed: 3)
    let pristine = sample().encode()
    var values = 0
    for _ in 0..<mutationCount {
      var bytes = pristine
      random.mutate(&bytes, in: 0..<bytes.count)
      if Bool.random(using: &random) { bytes.removeLast(Int.random(in: 0...bytes.count, using: &random)) }
      if Bool.random(using: &random) { bytes = resealed(bytes) }
      if (try? decode(bytes)) != nil { values += 1 }
    }
    #expect(values > 0 && values < mutationCount)
  }

  /// Length and checksum made right.
  private func resealed(_ bytes: [UInt8]) -> [UInt8] {
    guard bytes.count >= 20 else { return bytes }
    var result = bytes
    let checksum = ~crc32c(~0, bytes.span.extracting(droppingFirst: 20))
    var span = result.mutableSpan
    span.store32(UInt32(bytes.count - 20), at: 12)
    span.store32(checksum, at: 16)
    return result
  }
}
