// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// Set by `./build` together with the kernel's triple and toolset; then only what runs inside the
/// virtual machine is built, otherwise only what runs on the host.
let isKernelBuild = Context.environment["VORTEIL_KERNEL"] != nil

/// Everything outside Machine: an unsafe construct is an error.
let memorySafe: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatWarning("StrictMemorySafety", as: .error),
  .enableExperimentalFeature("Lifetimes"),
]

/// Core: portable Swift without an operating system, used by the kernel and by the host tool.
var targets: [Target] = [
  .target(name: "ProcessorIntrinsics", path: "Core/ProcessorIntrinsics"),
  .target(name: "Storage", path: "Core/Storage", swiftSettings: memorySafe),
  .target(name: "Checksums", dependencies: ["ProcessorIntrinsics"], path: "Core/Checksums", swiftSettings: memorySafe),
  .target(name: "Collections", path: "Core/Collections", swiftSettings: memorySafe),
  .target(name: "Cryptography", path: "Core/Cryptography", swiftSettings: memorySafe),
  .target(name: "Elf", path: "Core/Elf", swiftSettings: memorySafe),
  .target(name: "Ext4", dependencies: ["Storage", "Checksums"], path: "Core/Ext4", swiftSettings: memorySafe),
  .target(
    name: "DiskLayout", dependencies: ["Storage", "Checksums"], path: "Core/DiskLayout", swiftSettings: memorySafe),
  .target(
    name: "MachineConfiguration", dependencies: ["Checksums"], path: "Core/MachineConfiguration",
    swiftSettings: memorySafe),
  .target(name: "Channel", path: "Core/Channel", swiftSettings: memorySafe),
  .target(name: "Signals", path: "Core/Signals", swiftSettings: memorySafe),
  .target(name: "Futexes", path: "Core/Futexes", swiftSettings: memorySafe),
  .target(name: "Terminals", path: "Core/Terminals", swiftSettings: memorySafe),
  .target(name: "Instructions", path: "Core/Instructions", swiftSettings: memorySafe),
]

let core: [Target.Dependency] = [
  "Storage", "Checksums", "Collections", "Cryptography", "Elf", "Ext4", "DiskLayout", "MachineConfiguration", "Channel",
  "Signals", "Instructions", "Futexes", "Terminals",
]

if isKernelBuild {
  targets += [
    .target(name: "MachineAssembly", path: "Kernel/MachineAssembly"),
    .target(
      name: "Machine", dependencies: ["MachineAssembly", "Storage"], path: "Kernel/Machine",
      swiftSettings: [
        .enableExperimentalFeature("Extern"), .enableExperimentalFeature("Lifetimes"), .swiftLanguageMode(.v5),
      ]),
    .executableTarget(
      name: "Kernel", dependencies: ["Machine"] + core, path: "Kernel",
      exclude: ["Machine", "MachineAssembly", "kernel.ld", "toolset.json"],
      swiftSettings: memorySafe + [.swiftLanguageMode(.v5)]),
  ]
} else {
  targets += [
    .target(name: "LinuxHeaders", path: "Host/LinuxHeaders"),
    .target(
      name: "HostSystem",
      dependencies: [
        "LinuxHeaders", .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Host/System", swiftSettings: memorySafe),
    .target(
      name: "Configuration",
      dependencies: [
        "HostSystem", .product(name: "TOMLKit", package: "TOMLKit"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Host/Configuration", swiftSettings: memorySafe),
    .target(
      name: "Programs",
      dependencies: ["Elf", "HostSystem", .product(name: "SystemPackage", package: "swift-system")],
      path: "Host/Programs", swiftSettings: memorySafe),
    .target(
      name: "Images",
      dependencies: [
        "Storage", "Ext4", "DiskLayout", "MachineConfiguration", "Configuration", "Programs", "HostSystem",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Host/Images", swiftSettings: memorySafe),
    .target(
      name: "Hypervisors",
      dependencies: [
        "Channel", "Elf", "HostSystem", .product(name: "Logging", package: "swift-log"),
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Host/Hypervisors", swiftSettings: memorySafe),
    .executableTarget(
      name: "vorteil",
      dependencies: [
        "Configuration", "Programs", "Images", "Hypervisors", "HostSystem",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Host/vorteil", swiftSettings: memorySafe),
    .executableTarget(
      name: "benchmark",
      dependencies: [
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Benchmarks/benchmark", swiftSettings: memorySafe),
    .testTarget(name: "BenchmarkTests", dependencies: ["benchmark"], path: "Tests/BenchmarkTests"),
    .testTarget(
      name: "CoreTests", dependencies: core + ["ProcessorIntrinsics"].map { .target(name: $0) }, path: "Tests/CoreTests"
    ),
    .testTarget(
      name: "HostTests",
      dependencies: [
        "vorteil", "Configuration", "Programs", "Images", "Hypervisors", "HostSystem", "Ext4", "DiskLayout",
        "MachineConfiguration", .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Tests/HostTests", exclude: ["Fixtures"]),
    .testTarget(
      name: "VirtualMachineTests",
      dependencies: [
        .product(name: "Subprocess", package: "swift-subprocess"),
        .product(name: "SystemPackage", package: "swift-system"),
      ],
      path: "Tests/VirtualMachineTests"),
  ]
}

let package = Package(
  name: "vorteil",
  dependencies: isKernelBuild
    ? []
    : [
      .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
      .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
      .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
      .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
      .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
  targets: targets,
  swiftLanguageModes: [.v6]
)
