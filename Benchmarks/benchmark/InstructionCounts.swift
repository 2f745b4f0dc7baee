// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The file that the counting plugin keeps; its form stands in Plugin/count.c.
struct InstructionCounts {
  /// All instructions so far.
  var total: Double
  /// Those before each of the program's marks.
  var marks: [Double]

  init(file: String) throws {
    let bytes = try [UInt8](Data(contentsOf: URL(filePath: file)))
    func number(at offset: Int) -> UInt64 {
      bytes.dropFirst(offset).prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
    total = Double(number(at: 0))
    marks = (0..<Int(number(at: 8))).map { Double(number(at: 16 + $0 * 8)) }
  }
}
