// SPDX-License-Identifier: Apache-2.0

/// The keys that VCFG has, and which of them this version acts on.
struct VcfgTable {
  /// Written `[[name]]`: there may be several.
  let isArray: Bool
  let keysActedOn: Set<String>
  let keysNotActedOnYet: Set<String>
  /// Any key may stand in the table (`[sysctl]`).
  let hasFreeKeys: Bool

  init(isArray: Bool = false, _ keysActedOn: Set<String>, notYet: Set<String> = [], hasFreeKeys: Bool = false) {
    self.isArray = isArray
    self.keysActedOn = keysActedOn
    self.keysNotActedOnYet = notYet
    self.hasFreeKeys = hasFreeKeys
  }

  static let all: [String: VcfgTable] = [
    "program": VcfgTable(
      isArray: true, ["binary", "args", "env", "cwd"],
      notYet: ["stdout", "stderr", "bootstrap", "logfiles", "privilege", "strace", "terminate"]),
    "vm": VcfgTable(["cpus", "ram", "disk-size"], notYet: ["inodes", "kernel"]),
    "system": VcfgTable(
      ["allow-jit", "hostname", "user"],
      notYet: [
        "delay", "disk-cache", "dns", "ntp", "max-fds", "output-mode", "output-format", "kernel-args", "filesystem",
        "terminate-wait",
      ]),
    "network": VcfgTable(
      isArray: true, [],
      notYet: ["ip", "mask", "gateway", "udp", "tcp", "http", "https", "mtu", "disable-tso", "tcpdump"]),
    "info": VcfgTable([], notYet: ["name", "author", "summary", "description", "url", "date", "version"]),
    "nfs": VcfgTable(isArray: true, [], notYet: ["mount", "server", "options"]),
    "route": VcfgTable(isArray: true, [], notYet: ["interface", "destination", "gateway"]),
    "logging": VcfgTable(isArray: true, [], notYet: ["config", "type"]),
    "redirects": VcfgTable([], hasFreeKeys: true),
    "sysctl": VcfgTable([], hasFreeKeys: true),
    "data-disk": VcfgTable([], notYet: ["mountpoint"]),
  ]
}
