// SPDX-License-Identifier: Apache-2.0

/// Lets only so many pieces of work run at the same time; the others wait in the order in which they came.
actor Slots {
  /// At most this many machines run at once.
  static let machines = Slots(2)
  /// At most this many programs and compilers run at once on the host.
  static let host = Slots(2)

  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) { free = count }

  private func acquire() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  private func release() {
    if waiting.isEmpty {
      free += 1
    } else {
      waiting.removeFirst().resume()
    }
  }

  nonisolated func run<Result: Sendable>(_ work: () async throws -> Result) async throws -> Result {
    await acquire()
    do {
      let result = try await work()
      await release()
      return result
    } catch {
      await release()
      throw error
    }
  }
}
