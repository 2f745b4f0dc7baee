// SPDX-License-Identifier: Apache-2.0
// Swift concurrency at work. What it writes depends neither on time nor on the number of processors.
import Dispatch
import Glibc

actor Account {
  private var balance = 0
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func deposit(_ amount: Int) {
    balance += amount
    for continuation in waiting { continuation.resume() }
    waiting = []
  }

  func total() -> Int { balance }

  func wait(for amount: Int) async {
    while balance < amount { await withCheckedContinuation { waiting.append($0) } }
  }
}

enum Failure: Error, CustomStringConvertible {
  case number(Int)

  var description: String {
    switch self {
    case .number(let number): "failure \(number)"
    }
  }
}

enum Request {
  @TaskLocal static var name = "none"
}

func primes(below limit: Int) -> Int {
  var composite = [Bool](repeating: false, count: limit)
  var count = 0
  for number in 2..<limit where !composite[number] {
    count += 1
    for multiple in stride(from: number * number, to: limit, by: number) { composite[multiple] = true }
  }
  return count
}

func groups() async throws {
  let counts = await withTaskGroup(of: (Int, Int).self) { group in
    for number in 1...16 { group.addTask { (number, primes(below: number * 5000)) } }
    var counts: [Int: Int] = [:]
    for await (number, count) in group { counts[number] = count }
    return counts
  }
  print("groups:", counts.sorted { $0.key < $1.key }.map { "\($0.value)" }.joined(separator: " "))

  // Groups in groups, thousands of tasks, each of which gives way.
  let sum = await withTaskGroup(of: Int.self) { outer in
    for number in 0..<50 {
      outer.addTask {
        await withTaskGroup(of: Int.self) { inner in
          for part in 0..<50 {
            inner.addTask {
              await Task.yield()
              return number * part
            }
          }
          return await inner.reduce(0, +)
        }
      }
    }
    return await outer.reduce(0, +)
  }
  print("nested groups:", sum)

  do {
    try await withThrowingTaskGroup(of: Int.self) { group in
      group.addTask { throw Failure.number(7) }
      for _ in 0..<20 {
        group.addTask {
          try await Task.sleep(for: .seconds(3600))
          return 1
        }
      }
      for try await _ in group {}
    }
  } catch {
    print("group ended by:", error)
  }
}

func actors() async {
  let account = Account()
  await withTaskGroup(of: Void.self) { group in
    group.addTask { await account.wait(for: 20_000) }
    for _ in 0..<20 {
      group.addTask { for _ in 0..<1000 { await account.deposit(1) } }
    }
  }
  print("actor:", await account.total())
}

func streams() async {
  let (stream, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .unbounded)
  async let producers: Void = withTaskGroup(of: Void.self) { group in
    for producer in 0..<4 {
      group.addTask { for number in 0..<1000 { continuation.yield(producer * 1000 + number) } }
    }
    await group.waitForAll()
    continuation.finish()
  }
  var sum = 0, count = 0
  for await number in stream {
    sum += number
    count += 1
  }
  await producers
  print("stream:", count, sum)

  // One that waits for another thread's every word.
  let (words, speaker) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1))
  let (answers, listener) = AsyncStream.makeStream(of: Void.self)
  let speech = Task {
    var next = answers.makeAsyncIterator()
    for number in 0..<200 {
      speaker.yield("\(number)")
      _ = await next.next()
    }
    speaker.finish()
  }
  var heard = 0
  for await word in words {
    if word == "\(heard)" { heard += 1 }
    listener.yield()
  }
  await speech.value
  print("conversation:", heard)
}

func sleeps() async throws {
  let clock = ContinuousClock()
  let start = clock.now
  let order = await withTaskGroup(of: Int.self) { group in
    for milliseconds in [300, 100, 200] {
      group.addTask {
        try? await Task.sleep(for: .milliseconds(milliseconds))
        return milliseconds
      }
    }
    return await group.reduce(into: []) { $0.append($1) }
  }
  let elapsed = clock.now - start
  print("sleeps:", order.count, elapsed >= .milliseconds(300) ? "long enough" : "too short: \(elapsed)")

  // A thousand timers at once, in the process and for the kernel.
  let done = await withTaskGroup(of: Int.self) { group in
    for number in 0..<1000 {
      group.addTask {
        try? await Task.sleep(for: .microseconds(number * 50))
        return 1
      }
    }
    return await group.reduce(0, +)
  }
  print("timers:", done)
}

func cancellation() async {
  let (started, starter) = AsyncStream.makeStream(of: Void.self)
  let task = Task {
    try await withTaskCancellationHandler {
      starter.yield()
      try await Task.sleep(for: .seconds(3600))
    } onCancel: {
      starter.finish()
    }
  }
  for await _ in started { task.cancel() }
  let result = await task.result
  if case .failure(let error) = result { print("cancelled:", error is CancellationError) }

  let spinner = Task {
    var turns = 0
    // Without a pause nobody else would have a turn on one processor, not even if it yielded.
    while !Task.isCancelled {
      turns += 1
      try? await Task.sleep(for: .microseconds(100))
    }
    return turns > 0
  }
  try? await Task.sleep(for: .milliseconds(20))
  spinner.cancel()
  print("spinner stopped:", await spinner.value)
}

func locals() async {
  await Request.$name.withValue("outer") {
    async let inherited = Request.name
    let detached = await Task.detached { Request.name }.value
    print("task-local:", await inherited, detached)
  }
}

/// Threads and queues of the C library's and Dispatch's making, which tasks wait for.
func others() async {
  let queue = DispatchQueue(label: "queue")
  nonisolated(unsafe) var counter = 0
  await withTaskGroup(of: Void.self) { group in
    for _ in 0..<8 {
      group.addTask {
        for _ in 0..<100 {
          await withCheckedContinuation { continuation in
            queue.async {
              counter += 1
              continuation.resume()
            }
          }
        }
      }
    }
  }
  print("queue:", queue.sync { counter })
  DispatchQueue.concurrentPerform(iterations: 64) { _ in queue.sync { counter += 1 } }
  print("performed:", counter)

  let fired = await withCheckedContinuation { continuation in
    DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(10)) { continuation.resume(returning: true) }
  }
  print("after a while:", fired)
}

@main enum Program {
  static func main() async throws {
    setvbuf(stdout, nil, _IOLBF, 0)
    try await groups()
    await actors()
    await streams()
    try await sleeps()
    await cancellation()
    await locals()
    await others()
  }
}
