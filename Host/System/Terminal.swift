// SPDX-License-Identifier: Apache-2.0
import Glibc
import Synchronization
import SystemPackage

/// What is needed to give the terminal back, where a signal handler can reach it. Only `Terminal` writes it, and only
/// while `isRaw` is false.
private nonisolated(unsafe) var savedAttributes = termios()
private let savedDescriptor = Atomic<CInt>(-1)
private let isRaw = Atomic<Bool>(false)

/// The terminal at which the tool was started, for as long as it is the program's.
public final class Terminal: Sendable {
  /// In characters and, where the terminal knows it, in pixels.
  public struct Size: Equatable, Sendable {
    public var rows: UInt16
    public var columns: UInt16
    public var width: UInt16
    public var height: UInt16
  }

  private let file: OpenFile

  /// Nil: `file` is no terminal.
  public init?(_ file: OpenFile) {
    guard isTerminal(file.descriptor) else { return nil }
    self.file = file
  }

  /// Whether a terminal passes bytes on as they are, so that a line needs a return to begin at its left.
  static var isAnyRaw: Bool { isRaw.load(ordering: .acquiring) }

  public var size: Size {
    var size = winsize()
    // SAFETY: `ioctl` fills `size` during the call only.
    _ = unsafe ioctl(file.descriptor.rawValue, UInt(TIOCGWINSZ), &size)
    return Size(rows: size.ws_row, columns: size.ws_col, width: size.ws_xpixel, height: size.ws_ypixel)
  }

  /// From now on every byte is passed on as it is, in both directions. In the background this waits until the tool is
  /// brought to the foreground (SIGTTOU), as for every program that uses a terminal.
  public func enterRawMode() {
    let descriptor = file.descriptor.rawValue
    if !Self.isAnyRaw {
      // SAFETY: nobody reads `savedAttributes` while `isRaw` is false.
      guard unsafe tcgetattr(descriptor, &savedAttributes) == 0 else { return }
      savedDescriptor.store(descriptor, ordering: .relaxed)
      isRaw.store(true, ordering: .releasing)
      restoreWhenKilled()
    }
    // SAFETY: nobody writes `savedAttributes` while `isRaw` is true.
    var attributes = unsafe savedAttributes
    // SAFETY: both calls use `attributes` during the call only.
    unsafe cfmakeraw(&attributes)
    _ = unsafe tcsetattr(descriptor, TCSANOW, &attributes)
  }

  /// Makes the terminal what it was. Not if that is somebody else's by now: the tool is in the background.
  public func leaveRawMode() {
    if Self.isAnyRaw { restore() }
  }

  /// Stops the whole job, as VSUSP does where a terminal is not raw: the command line may have more parts than the
  /// tool. Returns before or after that; whoever is told of SIGCONT knows that it is over.
  public func stopJob() {
    _ = kill(0, SIGTSTP)
  }
}

/// Makes the terminal what it was. Signal handlers call it.
private func restore() {
  let descriptor = savedDescriptor.load(ordering: .relaxed)
  // SAFETY: nobody writes `savedAttributes` while `isRaw` is true; `tcsetattr` reads it during the call only, and may
  // be called in a signal handler (signal-safety(7)).
  if tcgetpgrp(descriptor) == getpgrp() { _ = unsafe tcsetattr(descriptor, TCSANOW, &savedAttributes) }
  isRaw.store(false, ordering: .releasing)
}

/// Signals that end the tool without asking it end it with the terminal as it was.
private func restoreWhenKilled() {
  let fatal = [
    SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV, SIGUSR2, SIGALRM, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF,
    SIGIO, SIGSYS,
  ]
  for number in fatal {
    _ = signal(number) { number in
      if isRaw.load(ordering: .acquiring) { restore() }
      _ = signal(number, SIG_DFL)
      raise(number)
    }
  }
}
