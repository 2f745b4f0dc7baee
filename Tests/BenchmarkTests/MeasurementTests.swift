// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import benchmark

private func work(_ name: String) throws -> Work { try #require(Work.all.first { $0.name == name }) }

private func measurement(_ name: String, _ vorteil: Double?, _ linux: Double?, unit: Unit = .instructions) throws
  -> Measurement
{
  Measurement(try work(name), on: .microvm, unit: unit, vorteil: vorteil, linux: linux)
}

@Suite struct MeasurementTests {
  @Test func isJudgedByTheTarget() throws {
    #expect(try measurement("getppid", 90, 200).met == true)
    #expect(try measurement("getppid", 91, 200).met == false)
    #expect(try measurement("getppid", nil, 200).met == false)
    let untargeted = Work(name: "untargeted", title: "without a target")
    #expect(Measurement(untargeted, on: .microvm, unit: .instructions, vorteil: 5, linux: 200).met == nil)
  }

  @Test func isJudgedInTimeByLinux() throws {
    #expect(try measurement("signal", 200, 200, unit: .ticks).met == true)
    #expect(try measurement("getppid", 201, 200, unit: .ticks).met == false)
    #expect(try measurement("getppid", 201, nil, unit: .ticks).met == nil)
  }

  @Test func isJudgedInScalingByTheTargetOrByLinux() throws {
    #expect(try measurement("compute", 1.9, 2, unit: .timesOne).met == true)
    #expect(try measurement("compute", 1.89, 1.5, unit: .timesOne).met == false)
    #expect(try measurement("shared_pipe", 0.9, 0.8, unit: .timesOne).met == true)
    #expect(try measurement("shared_pipe", 0.7, 0.8, unit: .timesOne).met == false)
  }

  @Test func isCountedOnceMoreWithTwoProcessorsAndNoTarget() throws {
    #expect(try work("signal_2cpu").operationName == "signal")
    #expect(try measurement("signal_2cpu", 5000, 1, unit: .instructions).met == nil)
    #expect(try measurement("signal_2cpu", 5000, 1, unit: .ticks).met == false)
  }

  @Test func userCodeMustCostTheSame() throws {
    #expect(try measurement("calib", 319, 320).met == true)
    #expect(try measurement("calib", 280, 320).met == false)
    #expect(try measurement("calib", 900, 320, unit: .ticks).met == nil)
  }

  @Test func isALineOfJSON() throws {
    let line = """
      {"work": "getppid", "machine": "microvm", "unit": "instructions", "vorteil": 85, "linux": 66.5, \
      "target": 90, "met": true}
      """
    let parsed = try RecordedResults(text: line + "\n")
    #expect(parsed.sorted == [try measurement("getppid", 85, 66.5)])
    #expect(parsed.text == line + "\n")
  }

  @Test func findsTheMedian() {
    #expect(median([]) == nil)
    #expect(median([3, 1, 2]) == 2)
    #expect(median([4, 1, 2, 3]) == 2.5)
  }
}

@Suite struct RecordedResultsTests {
  @Test func namesWhatGrewByMoreThanATenth() throws {
    let recorded = RecordedResults([
      try measurement("getppid", 100, 200), try measurement("stat", 100, 200), try measurement("mprotect", 100, 200),
    ])
    let now = [
      try measurement("getppid", 110, nil), try measurement("stat", 111, nil), try measurement("mprotect", nil, nil),
      try measurement("signal", 5000, nil),
    ]
    #expect(
      recorded.regressions(in: now) == [
        "stat on microvm: 111 instructions, 100 before", "mprotect on microvm: not measured, 100 before",
      ])
  }

  @Test func areSortedAndReplaced() throws {
    var recorded = RecordedResults([try measurement("stat", 1, 2), try measurement("getppid", 1, 2)])
    recorded.record([try measurement("stat", 3, 4)])
    #expect(recorded.sorted.map(\.work) == ["getppid", "stat"])
    #expect(recorded.sorted.map(\.vorteil) == [1, 3])
  }
}

@Suite struct TableTests {
  @Test func hasTheTimeBesideTheCount() throws {
    let table = Table([
      try measurement("getppid", 84, 200), try measurement("getppid", 1500, 1000, unit: .ticks),
    ])
    #expect(
      table.rows == [
        ["getppid", "instructions", "84", "200", "0.42", "90", "met", "1 500 / 1 000 ticks", "1.50", "missed"]
      ])
    #expect(table.text.split(separator: "\n").count == 2)
    #expect(table.markdown.hasPrefix("| work | unit |"))
  }

  @Test func hasNoColumnsForALinuxThatDidNotRun() throws {
    let table = Table([try measurement("getppid", 85, nil)])
    #expect(table.header == ["work", "unit", "Vorteil", "target", "result"])
    #expect(table.rows == [["getppid", "instructions", "85", "90", "met"]])
  }

  @Test func groupsThousands() {
    #expect(Table.grouped(nil) == "-")
    #expect(Table.grouped(999) == "999")
    #expect(Table.grouped(1_234_567) == "1 234 567")
    #expect(Table.grouped(17.25) == "17.2")
  }
}

@Suite struct InitialRamdiskTests {
  @Test func isPaddedAndEnds() {
    let archive = InitialRamdisk(program: [1, 2, 3])
    #expect(archive.bytes.count.isMultiple(of: 4))
    #expect(archive.bytes.starts(with: "070701".utf8))
    #expect(String(decoding: archive.bytes, as: UTF8.self).contains("TRAILER!!!"))
  }
}
