// SPDX-License-Identifier: Apache-2.0
import Channel
import Dispatch
import Glibc
import HostSystem
import Logging
import Synchronization
import SystemPackage

/// The tool's side of the channel while a machine runs.
///
/// Each thing that may have to wait has its own serial queue, so that nothing waits for anything else:
///
/// * `listening` takes the kernel's frames and writes the program's output,
/// * `reading` reads standard input when the program wants some,
/// * `sending` writes frames to the kernel,
/// * `control` handles signals and time limits and never waits.
final class Conversation: Sendable {
  /// The three streams that the program's streams are connected to.
  struct Streams: Sendable {
    var input = OpenFile.standardInput
    var output = OpenFile.standardOutput
    var error = OpenFile.standardError
  }

  private struct State {
    var outcome: Outcome?
    var waiter: CheckedContinuation<Outcome, Never>?
    var isTimedOut = false
    var closedStreams: Set<UInt8> = []
    var signalsSent = 0
    /// The program was stopped, and the tool with it.
    var isStopped = false
    /// The terminal is the program's: what it begins with is that the kernel wants to know what is typed.
    var hasTerminal = false
  }

  /// How long the kernel has to answer `stop`.
  static let stopGrace: DispatchTimeInterval = .seconds(1)
  /// More than enough for a process to stop that was told to.
  private static let stopDelay: DispatchTimeInterval = .milliseconds(200)

  private let fromKernel: OpenFile
  private let writer: FrameWriter
  private let streams: Streams
  private let messages: KernelMessages
  private let terminal: Terminal?
  /// Stops the hypervisor (true), or lets it go on.
  private let setStopped = Mutex<@Sendable (Bool) -> Void>({ _ in })
  private let state = Mutex(State())

  private let listening = DispatchQueue(label: "vorteil.listening")
  private let reading = DispatchQueue(label: "vorteil.reading")
  private let sending = DispatchQueue(label: "vorteil.sending")
  private let control = DispatchQueue(label: "vorteil.control")

  init(fromKernel: OpenFile, toKernel: OpenFile, streams: Streams, messages: KernelMessages, terminal: Terminal? = nil)
  {
    self.fromKernel = fromKernel
    self.writer = FrameWriter(file: toKernel)
    self.streams = streams
    self.messages = messages
    self.terminal = terminal
  }

  /// Talks until the machine's life is over, and says how it ended. `setStopped` stops the hypervisor, or lets it go on.
  func run(
    timeout: Duration?, setStopped: @escaping @Sendable (Bool) -> Void = { _ in }
  ) async throws(Failure) -> Outcome {
    self.setStopped.withLock { $0 = setStopped }
    let signals = try SignalSource(queue: control, hasTerminal: terminal != nil) { [self] in receive(signal: $0) }
    // From here on every change is told; this is for one since the machine was given its size.
    sendWindowSize()
    if let timeout {
      control.asyncAfter(deadline: .now() + .nanoseconds(Int(timeout / .nanoseconds(1)))) { [self] in stop() }
    }
    let outcome = await withCheckedContinuation { continuation in
      state.withLock { $0.waiter = continuation }
      listening.async { [self] in listen() }
    }
    signals.cancel()
    return outcome
  }

  /// Ends the conversation; the first outcome is the one that counts.
  private func end(_ outcome: Outcome) {
    let waiter = state.withLock { state in
      guard state.outcome == nil else { return nil as CheckedContinuation<Outcome, Never>? }
      state.outcome = outcome
      return state.waiter.take()
    }
    waiter?.resume(returning: outcome)
  }

  private func send(_ kind: FrameKind, argument: UInt8 = 0, payload: [UInt8] = []) {
    sending.async { [writer] in
      // A machine that is gone is noticed by `listen`.
      try? writer.send(kind, argument: argument, payload: payload.span)
    }
  }

  // MARK: What the person does

  private func receive(signal: UInt8) {
    if CInt(signal) == SIGWINCH { return sendWindowSize() }
    if CInt(signal) == SIGCONT { return resume() }
    let count = state.withLock { state in
      state.signalsSent += 1
      return state.signalsSent
    }
    if count == 1 { send(.signal, argument: signal) } else { end(.interrupted(signal: signal)) }
  }

  private func sendWindowSize() {
    guard let size = terminal?.size else { return }
    let numbers = [size.rows, size.columns, size.width, size.height]
    send(.windowSize, payload: numbers.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] })
  }

  /// The program was stopped: so is the hypervisor, and the job that the tool is a part of.
  private func suspend() {
    guard let terminal else { return }
    state.withLock { $0.isStopped = true }
    terminal.leaveRawMode()
    setStopped.withLock { $0 }(true)
    terminal.stopJob()
    // Where nobody could continue it, Linux does not stop a job (an orphaned process group): go on, as there.
    control.asyncAfter(deadline: .now() + Self.stopDelay) { [self] in
      if state.withLock({ $0.isStopped }) { resume() }
    }
  }

  /// The tool goes on: the terminal is the program's again. It may have been stopped without the program's knowing.
  private func resume() {
    guard let terminal else { return }
    let wasStopped = state.withLock { state in
      defer { state.isStopped = false }
      return state.isStopped
    }
    if wasStopped || state.withLock({ $0.hasTerminal }) { terminal.enterRawMode() }
    setStopped.withLock { $0 }(false)
    sendWindowSize()
    if wasStopped { send(.signal, argument: UInt8(SIGCONT)) }
  }

  private func stop() {
    state.withLock { $0.isTimedOut = true }
    send(.stop)
    control.asyncAfter(deadline: .now() + Self.stopGrace) { [self] in end(.timedOut) }
  }

  // MARK: What the kernel says

  private func listen() {
    var reader = FrameReader(fromKernel)
    do throws(Failure) {
      while try reader.next({ handle($0, $1) }) {}
      end(.failed(Failure("the machine ended before the program did")))
    } catch {
      end(.failed(error))
    }
  }

  private func handle(_ header: FrameHeader, _ payload: Span<UInt8>) {
    switch FrameKind(rawValue: header.kind) {
    case .output: write(payload, to: header.argument)
    case .wantInput: readInput(atMost: min(max(1, Int(number(payload))), FrameHeader.maximumPayload))
    case .message: messages.show(level: header.argument, payload)
    case .wantClock:
      send(
        .clock, payload: (0..<8).map { [now = wallClockNanoseconds()] in UInt8(truncatingIfNeeded: now >> (8 * $0)) })
    case .stopped: suspend()
    case .exited: end(outcome(header.argument, number(payload)))
    default: end(.failed(Failure("the machine sent a frame of unknown kind \(header.kind)")))
    }
  }

  private func outcome(_ kind: UInt8, _ value: UInt32) -> Outcome {
    if state.withLock({ $0.isTimedOut }) { return .timedOut }
    switch ExitKind(rawValue: kind) {
    case .exited: return .exited(UInt8(truncatingIfNeeded: value))
    case .signaled: return .signaled(UInt8(truncatingIfNeeded: value))
    case .notStarted:
      return .failed(Failure("the program could not be started: \(Errno(rawValue: CInt(truncatingIfNeeded: value)))"))
    case .panicked: return .failed(Failure("the kernel failed, which is a defect of Vorteil: please report it"))
    case nil: return .failed(Failure("the machine ended in an unknown way (\(kind))"))
    }
  }

  private func write(_ bytes: Span<UInt8>, to stream: UInt8) {
    guard !state.withLock({ $0.closedStreams.contains(stream) }) else { return }
    do throws(Errno) {
      try (stream == 2 ? streams.error : streams.output).write(bytes)
    } catch .brokenPipe {
      // Nobody reads any more: the program learns of it as on Linux, by SIGPIPE or EPIPE when it next writes.
      _ = state.withLock { $0.closedStreams.insert(stream) }
      send(.closed, argument: stream)
    } catch {
      end(
        .failed(Failure("cannot write the program's \(stream == 2 ? "standard error" : "standard output"): \(error)")))
    }
  }

  private func readInput(atMost count: Int) {
    takeTerminal()
    reading.async { [self] in
      var buffer = [UInt8](repeating: 0, count: count)
      var span = buffer.mutableSpan
      // An input that cannot be read (a closed descriptor) has nothing in it.
      let length = (try? streams.input.read(into: &span)) ?? 0
      if length == 0 { send(.endOfInput) } else { send(.input, payload: Array(buffer[..<length])) }
    }
  }

  /// Until now Ctrl-C ended the tool: from here on it is a byte for the program.
  private func takeTerminal() {
    guard let terminal else { return }
    let isFirst = state.withLock { state in
      defer { state.hasTerminal = true }
      return !state.hasTerminal
    }
    if isFirst { terminal.enterRawMode() }
  }

  private func number(_ payload: Span<UInt8>) -> UInt32 {
    guard payload.count >= 4 else { return 0 }
    return (0..<4).reduce(0) { $0 | UInt32(payload[$1]) << UInt32(8 * $1) }
  }
}
