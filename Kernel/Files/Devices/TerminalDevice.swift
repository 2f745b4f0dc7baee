// SPDX-License-Identifier: Apache-2.0
import Machine
import Terminals

/// The terminal by one of its names: `/dev/pts/0`, `/dev/tty`, `/dev/console`.
final class TerminalDevice: CharacterDevice {
  override func opened(_ flags: OpenFlags) throws(Errno) -> Node { self }

  override func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    try Terminal.read(to: address, count, mayWait: mayWait)
  }

  override func write(at offset: UInt64, from address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    try Terminal.write(from: address, count, mayWait: mayWait)
  }

  override func writeStream(_ bytes: Span<UInt8>, mayWait: Bool) throws(Errno) -> Int {
    try Terminal.write(bytes)
    return bytes.count
  }

  override func readiness() -> Readiness { Terminal.readiness() }
  override func readinessQueue() -> WaitQueue { Console.waiters.queue }

  // MARK: control

  override func control(_ request: UInt32, _ argument: UInt64) throws(Errno) -> UInt64 {
    switch request {
    case ControlRequest.getAttributes:
      try check(ProgramMemory.write(Terminal.attributes.encoded(isExtended: false).span, to: argument))
    case ControlRequest.getExtendedAttributes:
      try check(ProgramMemory.write(Terminal.attributes.encoded(isExtended: true).span, to: argument))
    case ControlRequest.setAttributes:
      try set(argument, TerminalAttributes.size, flushesInput: request == ControlRequest.setAttributes.upperBound)
    case ControlRequest.setExtendedAttributes:
      try set(
        argument, TerminalAttributes.extendedSize,
        flushesInput: request == ControlRequest.setExtendedAttributes.upperBound)
    case ControlRequest.getWindowSize: try check(ProgramMemory.storeWord(Terminal.windowSize, at: argument))
    case ControlRequest.setWindowSize:
      guard let size = ProgramMemory.loadWord(at: argument) else { throw .EFAULT }
      Terminal.setWindowSize(size)
    case ControlRequest.bytesReadable: try store(Int32(Terminal.readableCount), at: argument)
    case ControlRequest.bytesToSend: try store(0, at: argument)
    case ControlRequest.flowControl: try controlFlow(argument)
    case ControlRequest.flush: try flush(argument)
    // There is no line that could be broken, and no second process that could be kept out.
    case ControlRequest.sendBreak, ControlRequest.sendPosixBreak, ControlRequest.exclusive, ControlRequest.notExclusive:
      break
    default: return try controlSession(request, argument)
    }
    return 0
  }

  /// As the one process sees them: it leads the session of the terminal and is its only group.
  private func controlSession(_ request: UInt32, _ argument: UInt64) throws(Errno) -> UInt64 {
    switch request {
    case ControlRequest.setControllingTerminal: break
    case ControlRequest.getForegroundGroup: try store(ProcessGroup.group, at: argument)
    case ControlRequest.getSession: try store(ProcessGroup.session, at: argument)
    case ControlRequest.setForegroundGroup:
      guard let group = ProgramMemory.load(Int32.self, at: argument) else { throw .EFAULT }
      if group < 0 { throw .EINVAL }
      if group != ProcessGroup.group { throw .ESRCH }
    case ControlRequest.getLineDiscipline: try store(0, at: argument)
    case ControlRequest.setLineDiscipline:
      guard let number = ProgramMemory.load(Int32.self, at: argument) else { throw .EFAULT }
      if number != 0 { throw .EINVAL }
    default: throw .ENOTTY
    }
    return 0
  }

  private func store(_ value: Int32, at address: UInt64) throws(Errno) {
    try check(ProgramMemory.store(value, at: address))
  }

  private func set(_ address: UInt64, _ size: Int, flushesInput: Bool) throws(Errno) {
    guard let bytes = ProgramMemory.bytes(at: address, count: size) else { throw .EFAULT }
    Terminal.set(Terminal.attributes.changed(to: bytes.span), flushesInput: flushesInput)
  }

  /// TCXONC: TCOOFF 0, TCOON 1; the other two would type a byte at the other end, which has no use for it.
  private func controlFlow(_ argument: UInt64) throws(Errno) {
    switch argument {
    case 0: Terminal.setOutputStopped(true)
    case 1: Terminal.setOutputStopped(false)
    case 2, 3: break
    default: throw .EINVAL
    }
  }

  /// TCFLSH: TCIFLUSH 0, TCOFLUSH 1 (what was written is already with the tool), TCIOFLUSH 2.
  private func flush(_ argument: UInt64) throws(Errno) {
    switch argument {
    case 0, 2: Terminal.flushInput()
    case 1: break
    default: throw .EINVAL
    }
  }
}
