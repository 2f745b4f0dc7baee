// SPDX-License-Identifier: Apache-2.0
import Machine
import Signals
import Terminals

/// The terminal that the program has with `vorteil run --terminal`: the keyboard and screen of the person at the tool,
/// which passes bytes on and does nothing with them. What Linux's terminal does is done here, by Core's rules
/// (`LineDiscipline`).
enum Terminal {
  /// Whether there is one.
  static var isPresent: Bool { Options.terminal != nil }

  static var attributes: TerminalAttributes { discipline.attributes }
  static var readableCount: Int { discipline.readableCount }
  static var isOutputStopped: Bool { discipline.isOutputStopped }
  /// The person has gone: there is nothing to read, and nobody to write to.
  private(set) static var isHungUp = false
  /// As `struct winsize` has it: rows, columns, width and height, 16 bits each.
  private(set) static var windowSize = initialWindowSize

  private static var discipline = LineDiscipline()
  /// What was typed while the output stood still is shown when it goes on.
  private static var heldEcho: [UInt8] = []
  private static let heldEchoLimit = 4096

  /// Terminal output is one stream, whatever it is written to.
  private static let stream: UInt8 = 1

  private static var initialWindowSize: UInt64 {
    guard let (rows, columns) = Options.terminal else { return 0 }
    return rows & 0xffff | (columns & 0xffff) << 16
  }

  // MARK: what the tool sends

  /// Bytes were typed.
  static func receive(_ bytes: Span<UInt8>) {
    var effects = TerminalEffects()
    for index in bytes.indices { discipline.receive(bytes[index], &effects) }
    show(effects.echo)
    for signal in effects.signals { Signals.post(Int(signal)) }
    askForInput()
  }

  /// The person's terminal has gone, as when a window is closed.
  static func hangUp() {
    isHungUp = true
    Signals.post(Signal.hangup)
    Signals.post(Signal.continue)
  }

  /// The window has another size, says the tool or the program.
  static func setWindowSize(_ size: UInt64) {
    guard size != windowSize else { return }
    windowSize = size
    Signals.post(Signal.windowChange)
  }

  /// Lets the tool send what is typed, whether the program reads or not: a signal may be among it.
  static func askForInput() {
    let room = discipline.room
    if room > 0 { Console.requestForTerminal(room) }
  }

  // MARK: what the program does

  /// Reads; waits as VMIN and VTIME say where there are no lines.
  static func read(to address: UInt64, _ count: Int, mayWait: Bool) throws(Errno) -> Int {
    guard count > 0 else { return 0 }
    if PendingWork.contains(.device) { Console.receive() }
    let piece = min(count, 4096)
    if !mayWait {
      guard isReadable(1) else { return try isHungUp || waitsForNothing ? 0 : refuse() }
    } else {
      try waitForInput(piece)
    }
    let bytes = discipline.read(piece)
    askForInput()
    try check(ProgramMemory.write(bytes.span, to: address))
    return bytes.count
  }

  private static func refuse() throws(Errno) -> Int { throw .EAGAIN }

  /// VMIN and VTIME are both 0: a read takes what there is.
  private static var waitsForNothing: Bool {
    !attributes.local.contains(.canonical) && attributes[.minimum] == 0 && attributes[.time] == 0
  }

  private static func isReadable(_ minimum: Int) -> Bool { isHungUp || discipline.isReadable(minimum: minimum) }

  /// Waits until a read of `count` bytes may return (termios(3), "Canonical and noncanonical mode").
  private static func waitForInput(_ count: Int) throws(Errno) {
    if attributes.local.contains(.canonical) { return try wait { isReadable(1) || waitsForNothing } }
    let minimum = min(Int(attributes[.minimum]), count)
    let timeNanoseconds = UInt64(attributes[.time]) * 100_000_000
    if timeNanoseconds == 0 {
      if minimum > 0 { try wait { isReadable(minimum) } }
      return
    }
    if minimum > 0 { try wait { isReadable(1) } }
    // Between two bytes, or, if no byte is needed, until the first.
    while true {
      let before = discipline.readableCount
      if isHungUp || before >= max(1, minimum) { return }
      let deadline = Clock.monotonicNanoseconds() &+ timeNanoseconds
      let hasMore = try Wait.until(Console.waiters.queue, deadline: deadline) {
        isHungUp || discipline.readableCount != before
      }
      if !hasMore { return }
    }
  }

  private static func wait(_ isReady: () -> Bool) throws(Errno) { try Wait.until(Console.waiters.queue, isReady) }

  /// Writes; waits while the person has stopped the output.
  static func write(from address: UInt64, _ count: Int, mayWait: Bool) throws(Errno) -> Int {
    var done = 0
    while done < count {
      if isOutputStopped {
        if !mayWait {
          if done == 0 { throw .EAGAIN }
          break
        }
        // What was written so far is the answer if a signal comes.
        do throws(Errno) { try wait { !isOutputStopped || isHungUp } } catch {
          if done == 0 { throw error }
          break
        }
      }
      let piece = min(count - done, 2048)
      guard let bytes = ProgramMemory.bytes(at: address &+ UInt64(done), count: piece) else {
        if done == 0 { throw .EFAULT }
        break
      }
      try write(bytes.span)
      done += piece
    }
    return done
  }

  /// Writes for the kernel itself.
  static func write(_ bytes: Span<UInt8>) throws(Errno) {
    if isHungUp { throw .EIO }
    do throws(Errno) {
      if attributes.output.contains(.process) {
        try Console.write(stream: stream, bytes: discipline.process(bytes).span)
      } else {
        try Console.write(stream: stream, bytes: bytes)
      }
    } catch {
      // Nobody reads what the tool writes. A terminal has no SIGPIPE.
      throw .EIO
    }
  }

  private static func show(_ echo: [UInt8]) {
    if isOutputStopped {
      if heldEcho.count + echo.count <= heldEchoLimit { heldEcho.append(contentsOf: echo) }
      return
    }
    // An echo that nobody sees is none.
    if !heldEcho.isEmpty { try? Console.write(stream: stream, bytes: heldEcho.span) }
    heldEcho = []
    if !echo.isEmpty { try? Console.write(stream: stream, bytes: echo.span) }
  }

  static func readiness() -> Readiness {
    if PendingWork.contains(.device) { Console.receive() }
    if isHungUp { return [.always, .error, .hangUp] }
    var result: Readiness = isOutputStopped ? [] : [.writable, .writableNormal]
    // With VTIME, a first byte is enough (n_tty_poll).
    let minimum = attributes[.time] == 0 ? Int(attributes[.minimum]) : 1
    if discipline.isReadable(minimum: minimum) { result.formUnion([.readable, .readableNormal]) }
    return result
  }

  // MARK: control

  static func set(_ new: TerminalAttributes, flushesInput: Bool) {
    if flushesInput { discipline.flushInput() }
    discipline.set(new)
    changed()
  }

  static func flushInput() {
    discipline.flushInput()
    changed()
  }

  static func setOutputStopped(_ isStopped: Bool) {
    discipline.isOutputStopped = isStopped
    changed()
  }

  /// Somebody may wait for what has become possible.
  private static func changed() {
    show([])
    askForInput()
    Console.waiters.wake()
  }
}
