// SPDX-License-Identifier: Apache-2.0

/// Vorteil, started as its users start it: by the tool.
struct VorteilGuest: Guest {
  let name = "Vorteil"
  let files: BenchmarkFiles

  func command(for run: GuestRun) throws -> [String] {
    let hypervisorArguments = run.countingArguments(plugin: files.plugin)
    return try [
      files.tool, "run", "--machine", run.machine.rawValue, "--accelerator", "tcg", "--cpu", GuestRun.processorModel,
      "--memory", "\(run.memoryInMebibytes)M", "--cpus", "\(run.processors)",
    ] + hypervisorArguments.flatMap { ["--hypervisor-argument", $0] } + [
      "--program", "/init", files.tree(of: run.program), "--",
    ] + run.arguments
  }

  func kernelSize() throws -> Int { try files.size(of: files.vorteilKernel) }
}
