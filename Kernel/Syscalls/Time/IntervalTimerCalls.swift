// SPDX-License-Identifier: Apache-2.0
import Machine

/// `struct itimerval`.
private struct IntervalTimerValue: BitwiseCopyable {
  var interval: TimeValue
  var value: TimeValue
}

private func kind(_ argument: UInt64) throws(Errno) -> IntervalTimers.Kind {
  guard let kind = IntervalTimers.Kind(rawValue: int(argument)) else { throw .EINVAL }
  return kind
}

private func store(_ setting: (value: UInt64, interval: UInt64), at address: UInt64) throws(Errno) {
  let result = IntervalTimerValue(
    interval: TimeValue(nanoseconds: setting.interval), value: TimeValue(nanosecondsRoundedUp: setting.value))
  try check(ProgramMemory.store(result, at: address))
}

func sysGetitimer(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try store(IntervalTimers.get(kind(call.first)), at: call.second)
  return 0
}

func sysSetitimer(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let kind = try kind(call.first)
  var value: UInt64 = 0
  var interval: UInt64 = 0
  if call.second != 0 {
    guard let new = ProgramMemory.load(IntervalTimerValue.self, at: call.second) else { throw .EFAULT }
    guard new.value.isValid, new.interval.isValid else { throw .EINVAL }
    value = new.value.nanosecondsSaturating
    interval = new.interval.nanosecondsSaturating
  }
  let old = IntervalTimers.get(kind)
  IntervalTimers.set(kind, value: value, interval: interval)
  if call.third != 0 { try store(old, at: call.third) }
  return 0
}

/// Seconds; the rest of an earlier alarm is rounded to whole ones, but never to none.
func sysAlarm(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let old = IntervalTimers.get(.real).value
  let seconds = UInt64(UInt32(truncatingIfNeeded: call.first))
  IntervalTimers.set(.real, value: seconds * 1_000_000_000, interval: 0)
  if old == 0 { return 0 }
  return max(1, (old.addingSaturating(500_000_000)) / 1_000_000_000)
}
