// SPDX-License-Identifier: Apache-2.0

/// The virtual hardware that a figure was taken on.
enum Machine: String, CaseIterable, Codable, Comparable {
  case microvm
  case q35

  static func < (left: Machine, right: Machine) -> Bool { left.rawValue < right.rawValue }
}

/// What a figure counts. Less is better in all of them but `timesOne`.
enum Unit: String, Codable {
  /// Executed guest instructions: they repeat, so they are what targets are set in.
  case instructions
  /// Ticks of the time stamp counter, QEMU translating (TCG).
  case ticks
  case milliseconds
  /// How late a timer is.
  case nanoseconds = "ns"
  /// What two processors get done, measured by what one does.
  case timesOne = "× one"
  case mebibytes = "MiB"
  case kibibytes = "KiB"

  /// A time differs from run to run and from host to host.
  var isTime: Bool { self == .ticks || self == .milliseconds || self == .nanoseconds }
  /// Whether it depends on what else the host does.
  var isExact: Bool { !isTime && self != .timesOne }
}

/// One thing that is measured: a row of the table.
struct Work {
  enum Kind: Equatable {
    /// From QEMU's first guest instruction until the first line of `hello` is written.
    case boot
    /// One line of `micro`.
    case operation
    /// One line of `timers`.
    case lateness
    /// Two lines of `scaling`.
    case scaling
    /// The smallest memory in which `hello` still writes its line.
    case memory
    /// The size of the kernel's file.
    case kernelFile
  }

  /// The name on the command line and in results; an operation's is the one that `micro` prints.
  var name: String
  var title: String
  var kind = Kind.operation
  var processors = 1
  /// Half of the best peer's figure on microvm.
  var target: Double?
  /// The same on q35, where it differs.
  var targetOnQ35: Double?
  /// Pure user code, which must cost the same everywhere, or nothing else can be compared.
  var isCalibration = false
  /// Why the target is missed, for Docs/Benchmarks.md, while it is.
  var reasonIfMissed: String?

  var unit: Unit {
    switch kind {
    case .boot, .operation: .instructions
    case .lateness: .nanoseconds
    case .scaling: .timesOne
    case .memory: .mebibytes
    case .kernelFile: .kibibytes
    }
  }

  var timeUnit: Unit? {
    switch kind {
    case .boot: .milliseconds
    case .operation: .ticks
    case .memory, .kernelFile, .lateness, .scaling: nil
    }
  }

  /// What the program calls it.
  var operationName: String {
    kind != .operation || processors == 1 ? name : String(name.dropLast(Self.severalSuffix.count))
  }
  private static let severalSuffix = "_2cpu"

  /// The same with two processors, where a time is to be met, and no count: waiting counts as well, and never repeats.
  private var onTwoProcessors: Work {
    Work(name: name + Self.severalSuffix, title: title + ", 2 processors", processors: 2)
  }

  func target(on machine: Machine) -> Double? {
    machine == .q35 ? targetOnQ35 ?? target : target
  }

  /// Everything that is measured, in the order of the table. The targets are half of what the best
  /// of Linux, Nanos, OSv and Unikraft needed for the same programs (2026-11-23, QEMU 7.2 TCG).
  static let all = ofOneProcessor + severalProcessors + timers + scaling

  private static let ofOneProcessor = [
    // The firmware alone takes 5.9 M instructions on q35; the best peer there was OSv with 20.5 M.
    Work(name: "boot", title: "boot to main", kind: .boot, target: 700_000, targetOnQ35: 10_200_000),
    Work(name: "memory", title: "smallest memory for hello", kind: .memory, target: 4),
    Work(name: "kernel", title: "kernel file", kind: .kernelFile, target: 1024),
    Work(name: "calib", title: "user code (must be equal)", isCalibration: true),
    Work(name: "getppid", title: "getppid", target: 90),
    Work(name: "clock_gettime", title: "clock_gettime (vDSO)", target: 50),
    Work(
      name: "clock_gettime_sys", title: "clock_gettime as system call", target: 120,
      reasonIfMissed: "90 are the way into the kernel and out (see getppid); scaling the counter, checking the "
        + "address and dividing into seconds take the rest. Programs use the vDSO."),
    Work(name: "read_zero", title: "read 1 byte from zero", target: 170),
    Work(name: "write_null", title: "write 1 byte to null", target: 150),
    Work(name: "getrandom16", title: "getrandom 16 bytes", target: 700),
    Work(name: "mmap_4k", title: "map, touch, unmap 4 KiB", target: 2900),
    // Zeroing alone is 262 144: `rep stosq` counts once for every eight bytes.
    Work(name: "mmap_2m", title: "map, touch, unmap 2 MiB", target: 270_000),
    Work(name: "page_fault", title: "page fault", target: 1000),
    Work(name: "mprotect", title: "mprotect", target: 500),
    Work(name: "stat", title: "stat", target: 690),
    Work(
      name: "open_close", title: "open and close", target: 1400,
      reasonIfMissed: "The open file is a counted object: about 300 are reference counting, 120 its allocation."),
    Work(
      name: "signal", title: "signal sent and returned", target: 1600,
      reasonIfMissed:
        "Some 750 write the frame with the vector state, as Linux lays it out, and read it again; 550 are "
        + "four system calls, two of them with the long way out; sending, choosing and taking it are the rest."),
    Work(name: "futex_wake_none", title: "futex wake, nobody waits", target: 140),
    Work(
      name: "eventfd_wr", title: "eventfd write and read", target: 450,
      reasonIfMissed: "Two system calls: 180 are their ways in and out, 90 the C library's, and 190 find the file and "
        + "hold it while it is used."),
    Work(
      name: "epoll_ready", title: "epoll_wait, one ready", target: 250,
      reasonIfMissed: "90 are the way in and out; 70 find the instance, and what is watched is asked each time."),
    Work(name: "pipe_same", title: "pipe write and read", target: 700),
    Work(name: "thread_create", title: "thread made and joined", target: 9800),
    Work(
      name: "futex_pingpong", title: "futex ping-pong, two threads", target: 915,
      reasonIfMissed: "Four system calls (360) and two switches (650, see yield); 300 find the thread that is woken, "
        + "and 320 keep who waits."),
    Work(
      name: "pipe_pingpong", title: "pipe ping-pong, two threads", target: 2160,
      reasonIfMissed:
        "Two switches (650, see yield), four system calls (360), and 1400 for four times finding the file, "
        + "copying, and telling who waits."),
    Work(name: "yield_1", title: "yield, one thread", target: 120),
    Work(
      name: "yield_2", title: "yield, two threads", target: 400,
      reasonIfMissed: "Two switches: each is a system call (85), 140 for the switch itself with vector registers, "
        + "segment bases and processor time, and 110 for the queue."),
  ]

  /// Where threads and processors meet, once more with two.
  private static let severalProcessors = [
    "signal", "futex_wake_none", "eventfd_wr", "epoll_ready", "pipe_same", "thread_create", "futex_pingpong",
    "pipe_pingpong", "yield_1", "yield_2",
  ].compactMap { name in ofOneProcessor.first { $0.name == name }?.onTwoProcessors }

  private static let timers = [
    ("nanosleep", "nanosleep"), ("timerfd", "timerfd"), ("timer_signal", "timer_settime and sigwaitinfo"),
    ("futex_timeout", "futex with a timeout"), ("epoll_timeout", "epoll_wait with a timeout"),
  ].flatMap { name, title in
    [
      Work(name: name + "_late", title: title + ": how late", kind: .lateness),
      Work(name: name + "_late_p99", title: title + ": 99 of 100 not later than", kind: .lateness),
    ]
  }

  private static let oneLock =
    "One lock covers the kernel (Docs/Threads.md), so what does nothing but call it gets on no faster than with one "
    + "processor. Finer locks are what is left to do."

  /// Independent work should get 0.95 of every processor; what contends is compared with Linux.
  private static let scaling = [
    Work(name: "compute", title: "two threads compute", kind: .scaling, processors: 2, target: 1.9),
    Work(
      name: "compute_and_call", title: "two threads compute and call the kernel", kind: .scaling, processors: 2,
      target: 1.9),
    Work(
      name: "system_call", title: "two threads call getppid", kind: .scaling, processors: 2, target: 1.9,
      reasonIfMissed: oneLock),
    Work(
      name: "own_pipe", title: "two threads with a pipe each", kind: .scaling, processors: 2, target: 1.9,
      reasonIfMissed: oneLock),
    Work(name: "shared_mutex", title: "two threads, one mutex", kind: .scaling, processors: 2),
    Work(name: "shared_pipe", title: "two threads, one pipe", kind: .scaling, processors: 2),
    Work(name: "shared_futex", title: "two threads wake nobody at one futex", kind: .scaling, processors: 2),
  ]
}
