// SPDX-License-Identifier: Apache-2.0

/// What typing has caused besides input.
public struct TerminalEffects: Sendable {
  /// Bytes for the screen.
  public internal(set) var echo: [UInt8] = []
  /// The numbers of signals for the program, in order.
  public internal(set) var signals: [UInt8] = []

  public init() {}
}

/// What stands between a keyboard, a screen and a program: editing of lines, echo, signals and the end of input.
///
/// It behaves as Linux's N_TTY (drivers/tty/n_tty.c), to the byte, except that ECHOPRT, PARMRK and OLCUC's like for
/// printers that nobody has are remembered and do nothing.
public struct LineDiscipline: Sendable {
  static let interruptSignal: UInt8 = 2
  static let quitSignal: UInt8 = 3
  static let suspendSignal: UInt8 = 20

  public private(set) var attributes = TerminalAttributes()
  /// VSTOP was typed, and VSTART not yet: the program's output waits.
  public var isOutputStopped = false

  var queue = InputQueue()
  var output = OutputProcessor()
  /// VLNEXT was typed: the next byte means itself.
  private var isLiteral = false

  public init() {}

  var isCanonical: Bool { attributes.local.contains(.canonical) }

  /// Changes the attributes. What was typed stays: turning canonical mode on makes a line of it (n_tty_set_termios).
  public mutating func set(_ new: TerminalAttributes) {
    let wasCanonical = isCanonical
    attributes = new
    if isCanonical != wasCanonical {
      isLiteral = false
      if isCanonical { queue.completeAll() } else { queue.forgetLines() }
    }
    if !new.input.contains(.flowControl) { isOutputStopped = false }
  }

  // MARK: The program's side

  /// Whether a read finds something: a line, or at least `minimum` bytes where there are no lines.
  public func isReadable(minimum: Int = 1) -> Bool {
    isCanonical ? queue.hasLine : queue.count >= max(1, minimum)
  }

  /// Bytes that can be read at once (FIONREAD).
  public var readableCount: Int { queue.byteCount(ofLines: isCanonical) }

  /// Takes what a read of `limit` bytes gets; nothing is the end of a file if `isReadable` was true.
  public mutating func read(_ limit: Int) -> [UInt8] {
    if isCanonical, !queue.hasLine { return [] }
    return queue.take(limit, ofLine: isCanonical)
  }

  /// Forgets what was typed and not read (TCIFLUSH).
  public mutating func flushInput() {
    queue.removeAll()
    isLiteral = false
  }

  /// What the screen gets for bytes that the program writes.
  public mutating func process(_ bytes: Span<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + bytes.count / 16 + 8)
    for index in bytes.indices { output.process(bytes[index], attributes, into: &result) }
    return result
  }

  // MARK: The keyboard's side

  /// Bytes that may be typed now. Never 0 while the program could not get at anything by reading: then what does not
  /// fit into the line is lost, and only its end, erasing and signals count.
  public var room: Int {
    let free = InputQueue.capacity - 1 - queue.count
    if free > 0 { return free }
    return isCanonical && !queue.hasLine ? 64 : 0
  }

  /// A byte was typed.
  public mutating func receive(_ byte: UInt8, _ effects: inout TerminalEffects) {
    // Of a line that is too long the last byte is replaced (n_tty_receive_buf_common).
    if queue.count >= InputQueue.capacity {
      guard queue.incompleteCount > 0 else { return }
      queue.removeLast(1)
    }
    var byte = byte
    if attributes.input.contains(.strip) { byte &= 0x7f }
    if attributes.input.contains(.toLowerCase), attributes.local.contains(.extended), (0x41...0x5a).contains(byte) {
      byte += 0x20
    }
    if isLiteral {
      isLiteral = false
      store(byte, isLiteral: true, &effects)
      return
    }
    if controlsFlow(byte) || raisesSignal(byte, &effects) { return }
    if attributes.input.isSuperset(of: [.flowControl, .anyByteStarts]) { isOutputStopped = false }
    switch byte {
    case UInt8(ascii: "\r"):
      if attributes.input.contains(.ignoreReturn) { return }
      if attributes.input.contains(.returnToNewline) { byte = UInt8(ascii: "\n") }
    case UInt8(ascii: "\n"):
      if attributes.input.contains(.newlineToReturn) { byte = UInt8(ascii: "\r") }
    default: break
    }
    if isCanonical, edits(byte, &effects) || endsLine(byte, &effects) { return }
    store(byte, isLiteral: false, &effects)
  }

  private mutating func controlsFlow(_ byte: UInt8) -> Bool {
    guard attributes.input.contains(.flowControl) else { return false }
    if attributes.matches(byte, .start) {
      isOutputStopped = false
      return true
    }
    if attributes.matches(byte, .stop) {
      isOutputStopped = true
      return true
    }
    return false
  }

  private mutating func raisesSignal(_ byte: UInt8, _ effects: inout TerminalEffects) -> Bool {
    guard attributes.local.contains(.signals) else { return false }
    let signal: UInt8
    if attributes.matches(byte, .interrupt) {
      signal = Self.interruptSignal
    } else if attributes.matches(byte, .quit) {
      signal = Self.quitSignal
    } else if attributes.matches(byte, .suspend) {
      signal = Self.suspendSignal
    } else {
      return false
    }
    effects.signals.append(signal)
    if !attributes.local.contains(.noFlush) {
      flushInput()
      // So is what was not shown yet.
      effects.echo = []
    }
    if attributes.input.contains(.flowControl) { isOutputStopped = false }
    if attributes.local.contains(.echo) { echo(byte, &effects) }
    return true
  }

  /// An ordinary byte: it is echoed and stored.
  private mutating func store(_ byte: UInt8, isLiteral: Bool, _ effects: inout TerminalEffects) {
    if attributes.local.contains(.echo) {
      if byte == UInt8(ascii: "\n"), !isLiteral {
        echoRaw(byte, &effects)
      } else {
        noteStartOfLine()
        echo(byte, &effects)
      }
    }
    queue.append(byte)
  }

  private mutating func endsLine(_ byte: UInt8, _ effects: inout TerminalEffects) -> Bool {
    let local = attributes.local
    if byte == UInt8(ascii: "\n") {
      if local.contains(.echo) || local.contains(.echoNewline) { echoRaw(byte, &effects) }
      queue.endLine(with: byte)
      return true
    }
    if attributes.matches(byte, .endOfFile) {
      queue.endLine(with: nil)
      return true
    }
    guard attributes.matches(byte, .endOfLine) || attributes.matches(byte, .endOfLine2) && local.contains(.extended)
    else { return false }
    if local.contains(.echo) {
      noteStartOfLine()
      echo(byte, &effects)
    }
    queue.endLine(with: byte)
    return true
  }

  /// Tabs are erased by how wide they were, for which the line's first column must be known.
  private mutating func noteStartOfLine() {
    if queue.incompleteCount == 0 { output.lineColumn = output.column }
  }

  // MARK: Echo

  /// Shows a typed byte: a control character as `^X`, if the program wants that.
  mutating func echo(_ byte: UInt8, _ effects: inout TerminalEffects) {
    if attributes.local.contains(.echoControl), byte.isControl, byte != UInt8(ascii: "\t") {
      effects.echo.append(UInt8(ascii: "^"))
      effects.echo.append(byte ^ 0x40)
      output.moved(by: 2)
    } else {
      echoRaw(byte, &effects)
    }
  }

  /// Shows a byte as if the program had written it.
  mutating func echoRaw(_ byte: UInt8, _ effects: inout TerminalEffects) {
    if attributes.output.contains(.process) {
      output.process(byte, attributes, into: &effects.echo)
    } else {
      effects.echo.append(byte)
    }
  }

  mutating func setLiteral() { isLiteral = true }
}
