import Machine
@_cdecl("Kernel_main") public func entryPointOfThePackageManager() {}
