// SPDX-License-Identifier: Apache-2.0
import Channel
import Machine

/// The kernel's end of the channel to the tool (Docs/Interfaces.md): the program's standard streams, the
/// kernel's messages, and how the program ended.
enum Console {
  /// Whether the channel works. Before, the kernel speaks on the serial port.
  static var isOpen: Bool { transmitter != nil }

  private static var device: VirtioConsole? = nil
  private static var transmitter: Transmitter? = nil
  private static var reader = FrameReader()
  private static var isReceiving = false

  private static var input = InputBuffer()
  private static var hasInputEnded = false
  /// Bytes of input that were asked for and have not been answered; 0: nothing was asked for.
  private static var wanted = 0
  /// Streams that nobody reads any more, a bit each.
  private static var closedStreams: UInt8 = 0
  /// The tool's answer to `wantClock`.
  private static var clockAnswer: UInt64? = nil
  private static var clockAnsweredAt: UInt64 = 0

  /// Opens the channel on `device`. False: there is too little memory.
  static func open(_ device: VirtioConsole) -> Bool {
    guard let transmitter = Transmitter(device) else { return false }
    self.device = device
    self.transmitter = transmitter
    Interrupts.attend(device.transport.vector)
    PendingWork.add(.device)
    return true
  }

  // MARK: output

  /// Sends `count` bytes of the program's memory as output on `stream` (1 or 2). Returns how many were
  /// sent: fewer if the rest cannot be read. Throws EPIPE if nobody reads the stream any more (the caller
  /// raises SIGPIPE), EFAULT if nothing can be read.
  static func write(stream: UInt8, from address: UInt64, count: Int) throws(Errno) -> Int {
    if PendingWork.contains(.device) { receive() }
    guard closedStreams & 1 &<< stream == 0 else { throw .EPIPE }
    guard let transmitter else { throw .EIO }
    var done = 0
    while done < count {
      let piece = min(count - done, Transmitter.payloadLimit)
      let buffer = transmitter.take()
      let isCopied = ProgramMemory.copy(
        from: address &+ UInt64(done), to: buffer, offset: FrameHeader.size, count: piece)
      guard isCopied else {
        transmitter.discard(buffer)
        transmitter.flush()
        if done == 0 { throw .EFAULT }
        return done
      }
      transmitter.send(buffer, .output, argument: stream, count: piece)
      done += piece
    }
    if done > 0 { transmitter.flush() }
    return done
  }

  /// Sends bytes of the kernel's as output on `stream`.
  static func write(stream: UInt8, bytes: Span<UInt8>) throws(Errno) {
    if PendingWork.contains(.device) { receive() }
    guard closedStreams & 1 &<< stream == 0 else { throw .EPIPE }
    guard isOpen else { throw .EIO }
    send(.output, argument: stream, bytes)
  }

  /// Whether the tool has said that nobody reads `stream` any more.
  static func isClosed(stream: UInt8) -> Bool {
    if PendingWork.contains(.device) { receive() }
    return closedStreams & 1 &<< stream != 0
  }

  /// Sends a message. False: the channel does not work.
  static func message(_ level: MessageLevel, _ text: Span<UInt8>) -> Bool {
    guard isOpen else { return false }
    send(.message, argument: level.rawValue, text)
    return true
  }

  private static func send(_ kind: FrameKind, argument: UInt8, _ bytes: Span<UInt8>) {
    guard let transmitter else { return }
    var done = 0
    while done < bytes.count {
      let piece = min(bytes.count - done, Transmitter.payloadLimit)
      let buffer = transmitter.take()
      buffer.store(bytes.extracting(done..<done + piece), at: FrameHeader.size)
      transmitter.send(buffer, kind, argument: argument, count: piece)
      done += piece
    }
    transmitter.flush()
  }

  private static func send(_ kind: FrameKind, argument: UInt8, value: UInt32) {
    guard let transmitter else { return }
    let buffer = transmitter.take()
    buffer.storeWord(UInt64(value), at: FrameHeader.size)
    transmitter.send(buffer, kind, argument: argument, count: 4)
    transmitter.flush()
  }

  // MARK: input

  /// Who waits for input, or for an output to be closed.
  static var waiters = WaitPlace()

  /// Reads at most `count` bytes of standard input into the program's memory; waits until there are any.
  /// Returns 0 at the end of input. The tool is asked for no more than `count`, so that what the program
  /// does not read stays where it was.
  static func read(into address: UInt64, count: Int) throws(Errno) -> Int {
    guard count > 0 else { return 0 }
    if input.count == 0 {
      request(count)
      try Wait.until(waiters.queue) { input.count > 0 || hasInputEnded }
      if input.count == 0 { return 0 }
    }
    guard let moved = input.move(to: address, limit: count) else { throw .EFAULT }
    return moved
  }

  /// Whether a read would not wait: bytes are here, or the end of input. If not, the tool is asked for
  /// some, and PendingWork.input tells when to ask again.
  static var hasInput: Bool {
    if PendingWork.contains(.device) { receive() }
    if input.count > 0 || hasInputEnded { return true }
    request(Frame.size)
    return false
  }

  /// Bytes of input that are here, and whether the input has ended behind them.
  static var availableInput: Int { input.count }
  static var isAtEnd: Bool { input.count == 0 && hasInputEnded }

  /// Asks the tool for at most `count` bytes, which go to the terminal (`Terminal.receive`) as they come.
  static func requestForTerminal(_ count: Int) {
    guard wanted == 0, !hasInputEnded else { return }
    wanted = count
    send(.wantInput, argument: 0, value: UInt32(wanted))
  }

  private static func request(_ count: Int) {
    guard wanted == 0, !hasInputEnded else { return }
    guard isOpen, input.prepare() else {
      hasInputEnded = true
      return
    }
    wanted = min(count, input.capacity)
    send(.wantInput, argument: 0, value: UInt32(wanted))
  }

  /// Whether `receive` has something to do. Who waited for room may have taken the interrupt.
  static var hasNews: Bool {
    guard let device else { return false }
    return device.hasReceived || Interrupts.isNoted(device.transport.vector)
  }

  /// Looks at what the tool has sent. Called when `PendingWork.device` is noted.
  static func receive() {
    guard let device, !isReceiving else { return }
    isReceiving = true
    Processor.withoutInterrupts { _ = device.transport.takeInterrupt() }
    if !device.takeReceived({ take($0) }) { broken() }
    isReceiving = false
    waiters.wake()
  }

  private static func take(_ bytes: Span<UInt8>) {
    var rest = bytes
    while !rest.isEmpty {
      let (element, taken) = reader.next(rest)
      switch element {
      case .input(let count):
        // Never more than was asked for.
        let bytes = rest.extracting(first: count)
        guard count <= wanted, Terminal.isPresent || input.append(bytes) else { broken() }
        wanted -= count
        if reader.isBetweenFrames { wanted = 0 }
        if Terminal.isPresent { Terminal.receive(bytes) }
      case .endOfInput:
        hasInputEnded = true
        wanted = 0
        if Terminal.isPresent { Terminal.hangUp() }
      case .signal(let number): Signals.post(Int(number))
      case .stop: exit(.signaled, 9)
      case .closed(let stream): closedStreams |= 1 &<< (stream & 7)
      case .clock(let time):
        clockAnswer = time
        clockAnsweredAt = Clock.monotonicNanoseconds()
      case .windowSize(let size): Terminal.setWindowSize(size)
      case .invalid: broken()
      case .incomplete: break
      }
      rest = rest.extracting(droppingFirst: taken)
    }
  }

  // MARK: the wall clock

  /// Asks the tool for the wall clock and waits for the answer: nanoseconds since 1970-01-01 UTC, and the
  /// monotonic time at which it came. Nil without a channel.
  static func wallClock() -> (realtime: UInt64, monotonic: UInt64)? {
    guard isOpen else { return nil }
    clockAnswer = nil
    guard let transmitter else { return nil }
    transmitter.send(transmitter.take(), .wantClock, argument: 0, count: 0)
    transmitter.flush()
    Wait.uninterruptibly { clockAnswer != nil }
    return clockAnswer.map { ($0, clockAnsweredAt) }
  }

  // MARK: stopping

  /// Says that the program was stopped by a signal.
  static func sayStopped(by signal: Int) {
    guard let transmitter else { return }
    transmitter.send(transmitter.take(), .stopped, argument: UInt8(truncatingIfNeeded: signal), count: 0)
    transmitter.flush()
  }

  // MARK: the end

  /// Says how the program ended and ends the machine, after everything that was sent has arrived.
  static func exit(_ kind: ExitKind, _ value: UInt32) -> Never {
    send(.exited, argument: kind.rawValue, value: value)
    transmitter?.drain()
    Processor.reset()
  }

  /// The device broke virtio's rules, or the tool the channel's: there is nobody left to talk to.
  static func broken() -> Never {
    transmitter = nil
    Panic.stop("the channel to the tool is broken")
  }

  /// The kernel failed: says so, if that can be done without memory and without waiting.
  fileprivate static func sayPanicked() {
    guard let transmitter else { return }
    self.transmitter = nil
    transmitter.sendLast(.exited, argument: ExitKind.panicked.rawValue, value: 0)
  }
}

@_silgen_name("kernel_panicked")
public func kernelPanicked() { Console.sayPanicked() }
