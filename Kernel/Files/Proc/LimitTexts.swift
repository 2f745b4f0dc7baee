// SPDX-License-Identifier: Apache-2.0
import Machine

/// `/proc/self/limits`.
enum LimitTexts {
  static func all(_ text: inout GeneratedText) {
    text.add("Limit                     Soft Limit           Hard Limit           Units     \n")
    row(&text, "Max cpu time              ", limits[Limits.Resource.processorTime], "seconds   ")
    row(&text, "Max file size             ", limits[Limits.Resource.fileSize], "bytes     ")
    row(&text, "Max data size             ", limits[Limits.Resource.data], "bytes     ")
    row(&text, "Max stack size            ", limits[Limits.Resource.stack], "bytes     ")
    row(&text, "Max core file size        ", limits[Limits.Resource.core], "bytes     ")
    row(&text, "Max resident set          ", Limits.Limit(soft: .max, hard: .max), "bytes     ")
    row(&text, "Max processes             ", limits[Limits.Resource.processes], "processes ")
    row(&text, "Max open files            ", limits[Limits.Resource.files], "files     ")
    row(&text, "Max locked memory         ", limits[Limits.Resource.lockedMemory], "bytes     ")
    row(&text, "Max address space         ", limits[Limits.Resource.addressSpace], "bytes     ")
    row(&text, "Max file locks            ", Limits.Limit(soft: .max, hard: .max), "locks     ")
    row(&text, "Max pending signals       ", limits[Limits.Resource.pendingSignals], "signals   ")
    row(&text, "Max msgqueue size         ", limits[Limits.Resource.messageQueues], "bytes     ")
    row(&text, "Max nice priority         ", limits[Limits.Resource.nice], "          ")
    row(&text, "Max realtime priority     ", limits[Limits.Resource.realTimePriority], "          ")
    row(&text, "Max realtime timeout      ", Limits.Limit(soft: .max, hard: .max), "us        ")
  }

  private static func row(
    _ text: inout GeneratedText, _ name: StaticString, _ limit: Limits.Limit, _ unit: StaticString
  ) {
    text.add(name)
    value(&text, limit.soft)
    value(&text, limit.hard)
    text.add(unit)
    text.add("\n")
  }

  /// A number or "unlimited", 21 columns wide.
  private static func value(_ text: inout GeneratedText, _ value: UInt64) {
    var column: [UInt8] = []
    if value == .max { column = bytes(of: "unlimited") } else { column.append(decimal: value) }
    while column.count < 21 { column.append(UInt8(ascii: " ")) }
    text.add(column)
  }
}
