// SPDX-License-Identifier: Apache-2.0

/// What `epoll_ctl` is told to watch for: the bits of `poll`, and how to tell of them
/// (include/uapi/linux/eventpoll.h).
struct EpollEvents: OptionSet, BitwiseCopyable {
  let rawValue: UInt32
  static let exclusive = EpollEvents(rawValue: 1 << 28)
  static let wakeUp = EpollEvents(rawValue: 1 << 29)
  static let oneShot = EpollEvents(rawValue: 1 << 30)
  static let edgeTriggered = EpollEvents(rawValue: 1 << 31)
  /// How to tell.
  static let manner: EpollEvents = [.exclusive, .wakeUp, .oneShot, .edgeTriggered]
  /// What is told of in any case.
  static let always = EpollEvents(rawValue: Readiness.error.union(.hangUp).rawValue)
  /// All that goes with EPOLLEXCLUSIVE.
  static let exclusiveCompanions: EpollEvents = [
    EpollEvents(rawValue: Readiness.readable.union(.writable).rawValue), .always, .wakeUp, .edgeTriggered, .exclusive,
  ]

  /// The bits of `poll`.
  var readiness: Readiness { Readiness(rawValue: subtracting(.manner).rawValue) }
}
