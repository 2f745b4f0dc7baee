// SPDX-License-Identifier: Apache-2.0
import Testing

/// Several boots of one program: where does everything lie?
@Suite struct AddressTests {
  static let bootCount = 6

  /// The addresses of each boot by name.
  private func boots() async throws -> [[String: UInt64]] {
    let program = try await TestProgram("Attacks/addresses").built()
    return try await withThrowingTaskGroup(of: [String: UInt64].self) { group in
      for _ in 0..<Self.bootCount {
        group.addTask { try Self.addresses(try await MachineRun(program, ["kernel"]).run()) }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
  }

  private static func addresses(_ outcome: MachineOutcome) throws -> [String: UInt64] {
    guard outcome.program.exitCode == 0 else {
      throw Failure("exit code \(outcome.program.exitCode)\n\(outcome.messageText)")
    }
    let pairs = outcome.program.outputText.split(separator: "\n").map { $0.split(separator: " ") }
    return Dictionary(uniqueKeysWithValues: pairs.map { (String($0[0]), UInt64($0[1], radix: 16) ?? 0) })
  }

  /// Linux gives the program, its mappings and its stack 28 bits of pages; the kernel must have 18.
  ///
  /// Over six boots with 28 random bits a range below a 64th of the whole has a chance of 6 * 2^-30, and that ten or
  /// more of the bits never change one of 10^-8. For the 18 bits of the kernel the chances are smaller still.
  @Test func everyBootIsDifferent() async throws {
    let boots = try await boots()
    for (name, bits) in [
      ("program", 28), ("mapping", 28), ("stack", 28), ("vdso", 28), ("loader", 28), ("library", 28), ("heap", 28),
      ("kernel", 18),
    ] {
      let values = boots.compactMap { $0[name] }
      try #require(values.count == Self.bootCount, "\(name) is printed by every boot")
      let lowest = values.min() ?? 0, highest = values.max() ?? 0
      let changing = values.reduce(0) { $0 | ($1 ^ values[0]) } >> 12
      let list = values.map { String($0, radix: 16) }.joined(separator: " ")
      #expect(Set(values).count == values.count, "\(name) repeats: \(list)")
      #expect(highest - lowest >= 1 << (12 + bits - 6), "\(name) stays within a small range: \(list)")
      #expect(changing.nonzeroBitCount >= bits - 9, "few bits of \(name) change: \(list)")
    }
    #expect(Set(boots.compactMap { $0["random"] }).count == Self.bootCount, "AT_RANDOM repeats")
  }

  /// Whoever knows one address must not know another: their distances differ, too.
  @Test func regionsMoveIndependently() async throws {
    let boots = try await boots()
    let regions = ["program", "heap", "mapping", "stack", "vdso", "kernel"]
    for (index, first) in regions.enumerated() {
      for second in regions.dropFirst(index + 1) {
        let distances = boots.map { ($0[first] ?? 0) &- ($0[second] ?? 0) }
        #expect(Set(distances).count == Self.bootCount, "\(first) and \(second) move together: \(distances)")
      }
    }
  }
}
