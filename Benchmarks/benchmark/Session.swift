// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Measures works on Vorteil and, if it is there, on Linux.
struct Session {
  /// One figure of each system; nil where there is none.
  typealias Pair = (vorteil: Double?, linux: Double?)

  /// How often a time is taken; the median counts.
  static let timedRounds = 5
  /// How many batches of an operation `micro` runs between its two marks.
  static let batches = 7.0
  /// What pure user code must gain by a second processor on one of the systems: else others use the host's processors.
  static let leastFreeProcessors = 1.7
  /// Seconds for `micro` with two processors, which is long on a busy host: who holds a lock may not run.
  static let severalProcessorsTimeout = 300
  /// How often a boot is counted, in which waiting for a clock counts as well; the median counts.
  static let countedBoots = 3

  var runner: GuestRunner
  var vorteil: any Guest
  var linux: (any Guest)?
  /// Whether times are taken beside the instructions.
  var measuresTimes: Bool

  private var guests: [any Guest] { [vorteil] + (linux.map { [$0] } ?? []) }

  /// Measures `works` on `machine`, in their order.
  func measure(_ works: [Work], on machine: Machine) async throws -> [Measurement] {
    var figures: [Measurement.Key: Pair] = [:]
    for work in works {
      let key = Measurement.Key(work: work.name, machine: machine, unit: work.unit)
      switch work.kind {
      case .boot:
        figures[key] = try await bootInstructions(on: machine)
        if measuresTimes { figures[key.with(.milliseconds)] = try await bootMilliseconds(on: machine) }
      case .memory: figures[key] = try await onEach { try await smallestMemory(on: machine, of: $0) }
      case .kernelFile: figures[key] = try await onEach { try Double($0.kernelSize()) / 1024 }
      case .operation, .lateness, .scaling: break
      }
    }
    for processors in [1, 2] {
      let operations = works.filter { $0.kind == .operation && $0.processors == processors }
      if operations.isEmpty { continue }
      let names = operations.map(\.operationName)
      let instructions = try await operationInstructions(names, on: machine, processors)
      let ticks = measuresTimes ? try await operationTicks(names, on: machine, processors) : [:]
      for work in operations {
        let key = Measurement.Key(work: work.name, machine: machine, unit: .instructions)
        figures[key] = instructions[work.operationName]
        figures[key.with(.ticks)] = ticks[work.operationName]
      }
    }
    figures.merge(try await lateness(works, on: machine)) { $1 }
    figures.merge(try await scaling(works, on: machine)) { $1 }
    return works.flatMap { work in
      [work.unit, work.timeUnit].compactMap { unit -> Measurement? in
        guard let unit, measuresTimes || !unit.isTime else { return nil }
        let pair = figures[Measurement.Key(work: work.name, machine: machine, unit: unit)]
        // The host was too busy: a figure would be one of the host.
        if work.kind == .scaling && pair == nil { return nil }
        return Measurement(work, on: machine, unit: unit, vorteil: pair?.vorteil, linux: pair?.linux)
      }
    }
  }

  /// Takes a figure of Vorteil and of Linux.
  private func onEach(_ figure: (any Guest) async throws -> Double?) async throws -> Pair {
    let first = try await figure(vorteil)
    guard let linux else { return (first, nil) }
    return (first, try await figure(linux))
  }
}

// MARK: Boot

extension Session {
  private func bootInstructions(on machine: Machine) async throws -> Pair {
    GuestRunner.note("counting the instructions of boots on \(machine.rawValue)")
    let file = runner.files.countsFile()
    defer { try? FileManager.default.removeItem(atPath: file) }
    return try await onEach { guest in
      let run = GuestRun(program: "hello", machine: machine, counting: .byPlugin(file: file))
      var counts: [Double] = []
      for _ in 0..<Self.countedBoots {
        guard let count = try await complete(run, on: guest).instructionsAtMarks.first else { return nil }
        counts.append(count)
      }
      return median(counts)
    }
  }

  private func bootMilliseconds(on machine: Machine) async throws -> Pair {
    GuestRunner.note("timing boots on \(machine.rawValue)")
    let times = try await rounds { guest in
      let outcome = try await complete(GuestRun(program: "hello", machine: machine), on: guest)
      return ["boot": outcome.millisecondsToMain].compactMapValues { $0 }
    }
    return times["boot"] ?? (nil, nil)
  }

  /// Finds the least memory, in MiB, with which the program's first line still appears.
  private func smallestMemory(on machine: Machine, of guest: any Guest) async throws -> Double? {
    GuestRunner.note("looking for the smallest memory of \(guest.name) on \(machine.rawValue)")
    var fails = 0
    var works = 65
    while works - fails > 1 {
      let middle = (fails + works) / 2
      var run = GuestRun(program: "hello", machine: machine)
      run.memoryInMebibytes = middle
      run.timeoutSeconds = 10
      if try await runner.run(run, on: guest).millisecondsToMain != nil { works = middle } else { fails = middle }
    }
    return works > 64 ? nil : Double(works)
  }

  /// Runs a machine to the program's end and tells the user if it did not come there.
  private func complete(_ run: GuestRun, on guest: any Guest) async throws -> GuestOutcome {
    let outcome = try await runner.run(run, on: guest)
    if !outcome.hasEnded { tell(of: outcome, of: run, on: guest) }
    return outcome
  }

  private func tell(of outcome: GuestOutcome, of run: GuestRun, on guest: any Guest) {
    let lines = ["\(guest.name): \(run.program) did not come to its end on \(run.machine.rawValue)"]
    GuestRunner.note((lines + outcome.messages).joined(separator: "\n    "))
  }
}

// MARK: Operations

extension Session {
  private func operationInstructions(
    _ names: [String], on machine: Machine, _ processors: Int
  ) async throws -> [String: Pair] {
    if processors > 1 { return try await instructionsOfAll(names, on: machine, processors) }
    var pairs: [String: Pair] = [:]
    for guest in guests {
      GuestRunner.note("counting the instructions of \(names.count) operations of \(guest.name)")
      let ticks = try await operations(names, on: machine, of: guest, counting: .byTimeStamp)
      merge(ticks.mapValues { $0 / GuestRun.ticksPerInstruction }, of: guest, into: &pairs)
    }
    return pairs
  }

  private func operationTicks(_ names: [String], on machine: Machine, _ processors: Int) async throws -> [String: Pair]
  {
    GuestRunner.note("timing \(names.count) operations with \(processors) processors")
    return try await rounds {
      try await operations(names, on: machine, of: $0, counting: .nothing, processors: processors)
    }
  }

  /// The instructions of all processors for one operation, waiting included: the median of some runs, since they do not
  /// repeat. `-icount` would run the processors in turns, so the plugin counts from mark to mark.
  private func instructionsOfAll(
    _ names: [String], on machine: Machine, _ processors: Int
  ) async throws -> [String: Pair] {
    GuestRunner.note("counting the instructions of \(names.count) operations with \(processors) processors")
    let file = runner.files.countsFile()
    defer { try? FileManager.default.removeItem(atPath: file) }
    return try await rounds(Self.countedBoots) { guest in
      var run = GuestRun(
        program: "micro", arguments: ["only=" + names.joined(separator: ",")], machine: machine,
        counting: .byPlugin(file: file))
      run.processors = processors
      run.timeoutSeconds = Self.severalProcessorsTimeout
      let outcome = try await complete(run, on: guest)
      guard outcome.failures.isEmpty, outcome.instructionsAtMarks.count == 2 * outcome.operations.count else {
        return [:]
      }
      var counts: [String: Double] = [:]
      for (index, operation) in outcome.operations.enumerated() {
        let marks = outcome.instructionsAtMarks[(2 * index)...].prefix(2)
        counts[operation.name] = (marks.last! - marks.first!) / (operation.count * Self.batches)
      }
      return counts
    }
  }

  /// Runs `micro`. An operation that takes the whole machine down costs the others nothing: they
  /// are run again without it, since `micro` keeps the order of its own table.
  private func operations(
    _ names: [String], on machine: Machine, of guest: any Guest, counting: GuestRun.Counting, processors: Int = 1
  ) async throws -> [String: Double] {
    var ticks: [String: Double] = [:]
    var remaining = names
    while !remaining.isEmpty {
      var run = GuestRun(
        program: "micro", arguments: ["only=" + remaining.joined(separator: ",")], machine: machine, counting: counting)
      run.processors = processors
      if processors > 1 { run.timeoutSeconds = Self.severalProcessorsTimeout }
      let outcome = try await runner.run(run, on: guest)
      ticks.merge(outcome.ticks) { $1 }
      for (name, errorNumber) in outcome.failures.sorted(by: { $0.key < $1.key }) {
        GuestRunner.note("\(guest.name): \(name) failed with error number \(errorNumber)")
      }
      remaining.removeAll { outcome.ticks[$0] != nil || outcome.failures[$0] != nil }
      if outcome.hasEnded || remaining.isEmpty { break }
      tell(of: outcome, of: run, on: guest)
      if outcome.millisecondsToMain == nil { break }
      GuestRunner.note("\(guest.name): going on without \(remaining.removeFirst())")
    }
    return ticks
  }
}

// MARK: Timers and scaling

extension Session {
  private func lateness(_ works: [Work], on machine: Machine) async throws -> [Measurement.Key: Pair] {
    let works = works.filter { $0.kind == .lateness }
    if works.isEmpty { return [:] }
    GuestRunner.note("looking how late timers are")
    let pairs = try await rounds { try await complete(GuestRun(program: "timers", machine: machine), on: $0).ticks }
    return keyed(works, on: machine) { pairs[$0.name] }
  }

  /// The best of all rounds: what else the host does only ever slows a processor down.
  private func scaling(_ works: [Work], on machine: Machine) async throws -> [Measurement.Key: Pair] {
    let works = works.filter { $0.kind == .scaling }
    if works.isEmpty { return [:] }
    GuestRunner.note("comparing two processors with one")
    var run = GuestRun(program: "scaling", machine: machine)
    run.processors = 2
    let least = try await rounds(summary: { $0.min() }) { try await complete(run, on: $0).ticks }
    func ratio(_ name: String) -> Pair {
      func ratio(_ one: Double?, _ two: Double?) -> Double? {
        if let one, let two { one / two } else { nil }
      }
      let one = least[name + "_1"]
      let two = least[name + "_2"]
      return (ratio(one?.vorteil, two?.vorteil), ratio(one?.linux, two?.linux))
    }
    let free = ratio("compute")
    if max(free.vorteil ?? 0, free.linux ?? 0) < Self.leastFreeProcessors {
      GuestRunner.note("the host had no two processors free, on either system: scaling is not measured")
      return [:]
    }
    return keyed(works, on: machine) { ratio($0.name) }
  }

  private func keyed(_ works: [Work], on machine: Machine, _ pair: (Work) -> Pair?) -> [Measurement.Key: Pair] {
    var result: [Measurement.Key: Pair] = [:]
    for work in works { result[Measurement.Key(work: work.name, machine: machine, unit: work.unit)] = pair(work) }
    return result
  }
}

// MARK: Rounds

extension Session {
  /// Takes times on the systems in turn, so that what else the host does meets all of them alike;
  /// the median of each figure, or another `summary`.
  private func rounds(
    _ count: Int = timedRounds, summary: ([Double]) -> Double? = median,
    _ take: (any Guest) async throws -> [String: Double]
  ) async throws -> [String: Pair] {
    var taken = guests.map { _ in [String: [Double]]() }
    for _ in 0..<count {
      for (index, guest) in guests.enumerated() {
        for (name, figure) in try await take(guest) { taken[index][name, default: []].append(figure) }
      }
    }
    var pairs: [String: Pair] = [:]
    for (index, guest) in guests.enumerated() { merge(taken[index].compactMapValues(summary), of: guest, into: &pairs) }
    return pairs
  }

  private func merge(_ figures: [String: Double], of guest: any Guest, into pairs: inout [String: Pair]) {
    for (name, figure) in figures {
      if guest.name == vorteil.name {
        pairs[name, default: (nil, nil)].vorteil = figure
      } else {
        pairs[name, default: (nil, nil)].linux = figure
      }
    }
  }
}

extension Measurement.Key {
  func with(_ unit: Unit) -> Self { Self(work: work, machine: machine, unit: unit) }
}

/// The middle of the values, the mean of the two middle ones of an even number; nil of none.
func median(_ values: [Double]) -> Double? {
  guard !values.isEmpty else { return nil }
  let sorted = values.sorted()
  return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}
