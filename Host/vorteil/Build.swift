// SPDX-License-Identifier: Apache-2.0
import ArgumentParser
import HostSystem
import Hypervisors
import Images

/// `vorteil build`
struct Build: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make a disk image of a program.",
    discussion: """
      The image holds the kernel, the machine's configuration and the file system, each in a partition of its own. The \
      same input gives the same bytes.

      Example:
        vorteil build /usr/bin/jq -o jq.raw -- .name
        vorteil run jq.raw < package.json
      """)

  @OptionGroup var source: SourceOptions

  @Option(name: [.short, .long], help: ArgumentHelp("Where to write the image.", valueName: "image.raw"))
  var output: String

  @Flag(help: "Describe the result as JSON on standard output.")
  var json = false

  @Option(help: .hidden) var kernel: String?

  @OptionGroup(title: "Messages") var messages: LogOptions

  func run() async throws {
    let plan = try MachinePlan(source.request())
    plan.report(to: messages.makeLogger(), verbose: messages.verbose)
    let image = try plan.build(
      at: absolutePath(output), kernel: kernel.map(absolutePath) ?? VirtualMachine.installedKernel())
    if json { print(image.json) }
  }
}
