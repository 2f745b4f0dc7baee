// SPDX-License-Identifier: Apache-2.0
import Foundation

/// Measures works on Vorteil and, if it is there, on Linux.
struct Session {
  /// One figure of each system; nil where there is none.
  typealias Pair = (vorteil: Double?, linux: Double?)

  /// How often a time is taken; the median counts.
  static let timedRounds = 5
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
    let operations = works.filter { $0.kind == .operation }
    var figures: [Measurement.Key: Pair] = [:]
    for work in works {
      let key = Measurement.Key(work: work.name, machine: machine, unit: work.unit)
      switch work.kind {
      case .boot:
        figures[key] = try await bootInstructions(on: machine)
        if measuresTimes { figures[key.with(.milliseconds)] = try await bootMilliseconds(on: machine) }
      case .memory: figures[key] = try await onEach { try await smallestMemory(on: machine, of: $0) }
      case .kernelFile: figures[key] = try await onEach { try Double($0.kernelSize()) / 1024 }
      case .operation: break
      }
    }
    if !operations.isEmpty {
      let names = operations.map(\.name)
      let instructions = try await operationInstructions(names, on: machine)
      let ticks = measuresTimes ? try await operationTicks(names, on: machine) : [:]
      for name in names {
        let key = Measurement.Key(work: name, machine: machine, unit: .instructions)
        figures[key] = instructions[name]
        figures[key.with(.ticks)] = ticks[name]
      }
    }
    return works.flatMap { work in
      [work.unit, work.timeUnit].compactMap { unit -> Measurement? in
        guard let unit, measuresTimes || !unit.isTime else { return nil }
        let pair = figures[Measurement.Key(work: work.name, machine: machine, unit: unit)]
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
        guard let count = try await complete(run, on: guest).instructionsToMain else { return nil }
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
  private func operationInstructions(_ names: [String], on machine: Machine) async throws -> [String: Pair] {
    var pairs: [String: Pair] = [:]
    for guest in guests {
      GuestRunner.note("counting the instructions of \(names.count) operations of \(guest.name)")
      let ticks = try await operations(names, on: machine, of: guest, counting: .byTimeStamp)
      merge(ticks.mapValues { $0 / GuestRun.ticksPerInstruction }, of: guest, into: &pairs)
    }
    return pairs
  }

  private func operationTicks(_ names: [String], on machine: Machine) async throws -> [String: Pair] {
    GuestRunner.note("timing \(names.count) operations")
    return try await rounds { try await operations(names, on: machine, of: $0, counting: .nothing) }
  }

  /// Runs `micro`. An operation that takes the whole machine down costs the others nothing: they
  /// are run again without it, since `micro` keeps the order of its own table.
  private func operations(
    _ names: [String], on machine: Machine, of guest: any Guest, counting: GuestRun.Counting
  ) async throws -> [String: Double] {
    var ticks: [String: Double] = [:]
    var remaining = names
    while !remaining.isEmpty {
      let run = GuestRun(
        program: "micro", arguments: ["only=" + remaining.joined(separator: ",")], machine: machine, counting: counting)
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

// MARK: Rounds

extension Session {
  /// Takes times on the systems in turn, so that what else the host does meets all of them alike;
  /// the median of each figure.
  private func rounds(_ take: (any Guest) async throws -> [String: Double]) async throws -> [String: Pair] {
    var taken = guests.map { _ in [String: [Double]]() }
    for _ in 0..<Self.timedRounds {
      for (index, guest) in guests.enumerated() {
        for (name, figure) in try await take(guest) { taken[index][name, default: []].append(figure) }
      }
    }
    var pairs: [String: Pair] = [:]
    for (index, guest) in guests.enumerated() { merge(taken[index].compactMapValues(median), of: guest, into: &pairs) }
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
