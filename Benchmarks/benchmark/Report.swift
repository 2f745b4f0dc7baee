// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The page of Docs that shows the last figures.
struct Report {
  var measurements: [Measurement]
  var date: String
  /// Processor, hypervisor and the like, a line each.
  var machine: [String]

  var markdown: String {
    """
    # Benchmarks

    Written by `./bench --save`; do not edit. The same programs (Benchmarks/Programs) ran on Vorteil and on
    linux-micro, a small Linux 6.1 (Benchmarks/Linux), each as the only program of a QEMU machine with one
    processor, or two where that is said, 256 MiB and no KVM.

    * **Instructions** are those that the guest executed, counted by QEMU (`-icount shift=2` for operations, a
      plugin for boots, firmware included). They repeat to about 1 %; a `rep` string instruction counts once for
      every step. They decide about the target, which is half of what the best of Linux, Nanos, OSv and Unikraft
      needed.
    * **Times** stand beside them as "Vorteil / Linux": ticks of the time stamp counter for an operation,
      milliseconds from the start of the command to the first line of the program for a boot (Vorteil's include
      the tool, Linux's only QEMU). Medians of \(Session.timedRounds) runs of both in turn. A time is met when it is not
      longer than Linux's.
    * **With two processors** instructions are those of both, waiting included, counted by the plugin: the median of
      \(Session.countedBoots) runs, which differ by a fifth and more. Only the time is to be met.
    * **How late** a timer is, is the time from the moment asked for until the thread that waits runs again: the median, and
      what 99 of 100 keep, of 300 waits of a quarter of a millisecond to two. Linux allows itself 50 µs on purpose (timer
      slack).
    * **Two threads**: how much more they get done on two processors than both on one, the best of \(Session.timedRounds) runs.
      Independent work is to get 1.9 times as much done; what contends, as much more as on Linux. There are no such
      rows as long as the host had no two processors free, which the first of them would show on both systems.

    Date: \(date)

    \(machine.map { "* \($0)\n" }.joined())
    \(Table(measurements).markdown)\(reasons)
    """
  }

  /// Why targets are missed, for those that are.
  private var reasons: String {
    let missed = Set(measurements.filter { $0.met == false }.map(\.work))
    let lines = Work.all.filter { missed.contains($0.name) }.compactMap { work in
      work.reasonIfMissed.map { "* **\(work.title)**: \($0)\n" }
    }
    return lines.isEmpty ? "" : "\n## Why targets are missed\n\n" + lines.joined()
  }
}
