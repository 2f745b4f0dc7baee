// SPDX-License-Identifier: Apache-2.0

/// A reference that is not counted: whoever makes one sees to it that the object outlives it.
///
/// Two of the instructions that count cost as much as half of a system call. This is for queues through which the
/// same few objects go all the time, and which are sure to be emptied before the objects go.
@safe
public struct Borrowed<Object: AnyObject>: BitwiseCopyable {
  private let reference: Unmanaged<Object>

  @inline(__always)
  public init(_ object: Object) { reference = Unmanaged.passUnretained(object) }

  @inline(__always)
  init(_ reference: Unmanaged<Object>) { self.reference = reference }

  /// Keeps the object for ever.
  public init(forever object: Object) { reference = Unmanaged.passRetained(object) }

  /// The object, counted from here on.
  @inline(__always)
  public var object: Object { reference.takeUnretainedValue() }

  /// Calls `body` with the object, without counting.
  @inline(__always)
  public func with<Result>(_ body: (Object) -> Result) -> Result { reference._withUnsafeGuaranteedRef(body) }

  /// Whether it is a reference to this very object.
  @inline(__always)
  public static func === (left: Borrowed, right: Object) -> Bool {
    left.reference.toOpaque() == Unmanaged.passUnretained(right).toOpaque()
  }

  @inline(__always)
  public static func == (left: Borrowed, right: Borrowed) -> Bool {
    left.reference.toOpaque() == right.reference.toOpaque()
  }
}
