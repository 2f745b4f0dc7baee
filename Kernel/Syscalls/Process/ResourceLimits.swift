// SPDX-License-Identifier: Apache-2.0
import Machine

private func resource(_ argument: UInt64) throws(Errno) -> Int {
  let resource = Int(UInt32(truncatingIfNeeded: argument))
  guard resource < Limits.Resource.count else { throw .EINVAL }
  return resource
}

private func set(_ resource: Int, _ address: UInt64) throws(Errno) {
  guard let new = ProgramMemory.load(Limits.Limit.self, at: address) else { throw .EFAULT }
  guard new.soft <= new.hard else { throw .EINVAL }
  // NR_OPEN: not even the superuser has more descriptors.
  if resource == Limits.Resource.files && new.hard > 1 << 20 { throw .EPERM }
  guard new.hard <= limits[resource].hard || identity.may(.resources) else { throw .EPERM }
  limits[resource] = new
  if resource == Limits.Resource.processorTime { Timers.armForProcessorTime() }
}

func sysGetrlimit(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  let resource = try resource(call.first)
  try check(ProgramMemory.store(limits[resource], at: call.second))
  return 0
}

func sysSetrlimit(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  try set(resource(call.first), call.second)
  return 0
}

func sysPrlimit64(_ call: inout TrapFrame) throws(Errno) -> UInt64 {
  guard ProcessGroup.isOwn(int(call.first)) else { throw .ESRCH }
  let resource = try resource(call.second)
  let old = limits[resource]
  if call.third != 0 { try set(resource, call.third) }
  if call.fourth != 0 { try check(ProgramMemory.store(old, at: call.fourth)) }
  return 0
}
