// SPDX-License-Identifier: Apache-2.0
import Machine

/// Where the program's areas begin. Each is drawn on its own, so that knowing one says nothing of another.
///
///     0x1100_0000_0000 ..< 0x2100_0000_0000   program (position independent): 2^32 pages to choose from
///     0x2200_0000_0000 ..< 0x3200_0000_0000   heap (brk), 2^32
///     0x3400_0000_0000 ..< 0x3c00_0000_0000   vDSO, 2^31
///     0x4000_0000_0000 ..< 0x5000_0000_0000   the kernel's window
///     0x5000_0000_0000 ..< 0x6000_0000_0000   start of the mapping area, which grows up to 0x7000_0000_0000, 2^32
///     0x7000_0000_0000 ..< 0x7fff_0000_0000   stack, just under 2^32
///
/// The lowest 16 TiB stay free for programs that are linked to an address, and for the shadow memory of
/// address sanitizers (0x7fff_8000 ..< 0x1000_8000_0000).
struct Layout {
  var program: UInt64 = 0
  var heap: UInt64 = 0
  var vdso: UInt64 = 0
  var mappingStart: UInt64 = 0
  /// The mapping area ends here, at the lowest place of the stack.
  static let mappingLimit: UInt64 = 0x6fff_0000_0000
  var stackTop: UInt64 = 0

  init() {}

  /// A new layout with the kernel's random generator.
  static func random() -> Layout {
    func page(_ start: UInt64, _ end: UInt64) -> UInt64 {
      // The high half of a 64 by 64 bit product: unbiased to 2^-32.
      let pages = (end - start) / pageSize
      return start + Random.next().multipliedFullWidth(by: pages).high * pageSize
    }
    var layout = Layout()
    layout.program = page(0x1100_0000_0000, 0x2100_0000_0000)
    layout.heap = page(0x2200_0000_0000, 0x3200_0000_0000)
    layout.vdso = page(0x3400_0000_0000, 0x3c00_0000_0000)
    layout.mappingStart = page(0x5000_0000_0000, 0x6000_0000_0000)
    layout.stackTop = page(0x7000_0000_0000, 0x7fff_0000_0000) + (16 << 20)
    return layout
  }
}
