// SPDX-License-Identifier: Apache-2.0
import Machine

/// Restartable sequences (rseq(2), include/uapi/linux/rseq.h): code that wants to be started again if
/// something came between its beginning and its end: a signal handler, or another thread on its processor.
struct RestartableSequence {
  /// The thread's `struct rseq`; 0: none.
  private(set) var address: UInt64 = 0
  private(set) var size: UInt32 = 0
  private(set) var signature: UInt32 = 0

  /// `struct rseq_cs`.
  private struct Section: BitwiseCopyable {
    var version: UInt32 = 0
    var flags: UInt32 = 0
    var start: UInt64 = 0
    var length: UInt64 = 0
    var abort: UInt64 = 0
  }

  /// Notes the structure and writes the processor's number into it.
  mutating func register(_ newAddress: UInt64, _ newSize: UInt32, _ newSignature: UInt32) throws(Errno) {
    // cpu_id_start and cpu_id: 0; rseq_cs: none; flags.
    try check(ProgramMemory.clear(newAddress, count: 20))
    address = newAddress
    size = newSize
    signature = newSignature
  }

  /// Says in the structure that it is not registered.
  mutating func unregister() throws(Errno) {
    try check(ProgramMemory.storeWord(UInt64(UInt32.max) << 32, at: address))
    address = 0
  }

  /// Tells the program on which processor the thread runs.
  func tell(processor: Int) -> Bool {
    // cpu_id_start and cpu_id
    address == 0 || ProgramMemory.storeWord(UInt64(processor) | UInt64(processor) << 32, at: address)
  }

  /// A handler is about to interrupt the thread, or another thread did: a section that it is in begins again at
  /// its abort address. False: what the program registered makes no sense, which is a SIGSEGV.
  func interrupt(_ frame: inout TrapFrame) -> Bool {
    guard address != 0 else { return true }
    guard let pointer = ProgramMemory.loadWord(at: address &+ 8) else { return false }
    guard pointer != 0 else { return true }
    guard let section = ProgramMemory.load(Section.self, at: pointer), section.version == 0,
      let mark = ProgramMemory.load(UInt32.self, at: section.abort &- 4)
    else { return false }
    guard ProgramMemory.storeWord(0, at: address &+ 8) else { return false }
    guard frame.rip &- section.start < section.length else { return true }
    guard mark == signature else { return false }
    frame.rip = section.abort
    return true
  }
}
