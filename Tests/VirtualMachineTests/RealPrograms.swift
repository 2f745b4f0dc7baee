// SPDX-License-Identifier: Apache-2.0
import Testing

/// A program of a Debian package and what it works on.
struct RealProgram: Sendable, CustomTestStringConvertible {
  var program: String
  var arguments: [String]
  var input = ""
  var files: [String: String] = [:]
  var testDescription: String { ([program] + arguments).joined(separator: " ").prefix(80).description }

  init(_ program: String, _ arguments: String..., input: String = "", files: [String: String] = [:]) {
    self.program = program
    self.arguments = arguments
    self.input = input
    self.files = files
  }
}

private let poem = """
  Two roads diverged in a yellow wood,
  And sorry I could not travel both
  And be one traveler, long I stood
  And looked down one as far as I could
  To where it bent in the undergrowth;

  """

private let table = (1...500).map { "\($0 * 7919 % 500)\tname \($0 % 17)\t\(Double($0) / 8)\n" }.joined()

extension RealProgram {
  static let busybox: [RealProgram] = [
    RealProgram("/bin/busybox", "echo", "-e", "one\\ttwo\\n"),
    RealProgram("/bin/busybox", "cat", "-", "poem", input: "first\n", files: ["poem": poem]),
    RealProgram("/bin/busybox", "sort", "-n", "-r", input: table),
    RealProgram("/bin/busybox", "uniq", "-c", input: "a\na\nb\na\n"),
    RealProgram("/bin/busybox", "wc", "poem", files: ["poem": poem]),
    RealProgram("/bin/busybox", "md5sum", "poem", files: ["poem": poem]),
    RealProgram("/bin/busybox", "sha256sum", "poem", files: ["poem": poem]),
    RealProgram("/bin/busybox", "grep", "-n", "-E", "w[oa].*d", input: poem),
    RealProgram("/bin/busybox", "sed", "-e", "s/\\(And\\) \\(.*\\)/\\2 \\1/;5q", input: poem),
    RealProgram(
      "/bin/busybox", "awk", #"{ sum[$2 $3] += $4 } END { for (i = 0; i < 17; i++) print sum["name" i] }"#, input: table
    ),
    RealProgram("/bin/busybox", "head", "-n", "3", input: table),
    RealProgram("/bin/busybox", "tail", "-c", "100", input: table),
    RealProgram("/bin/busybox", "seq", "1", "7", "50000"),
    RealProgram("/bin/busybox", "expr", "6", "*", "7"),
    RealProgram("/bin/busybox", "tr", "a-z", "A-Z", input: poem),
    RealProgram("/bin/busybox", "dd", "bs=7", "skip=2", "count=5", "status=none", input: poem),
    RealProgram("/bin/busybox", "cal", "2", "2024"),
    RealProgram("/bin/busybox", "base64", input: poem),
    RealProgram("/bin/busybox", "od", "-c", input: "\u{1}\u{2}abc"),
    RealProgram("/bin/busybox", "cut", "-f", "2,3", input: table),
    RealProgram("/bin/busybox", "gzip", "-c", "-n", input: table),
    RealProgram("/bin/busybox", "tar", "cf", "-", "--numeric-owner", "missing"),
    RealProgram(
      "/bin/busybox", "find", ".", "-name", "b*", "-type", "f", files: ["x/a": "", "x/b1": "", "x/y/b2": ""]),
    RealProgram("/bin/busybox", "diff", "-u", "-L", "a", "-L", "b", "x", "y", files: ["x": "a\nb\n", "y": "a\nc\n"]),
    RealProgram("/bin/busybox", "bc", input: "scale=40\n4*a(1)\n2^300\n"),
    RealProgram("/bin/busybox", "sh", "-c", "for i in 1 2 3; do x=$((x + i * i)); done; echo $x; exit 5"),
    RealProgram("/bin/busybox", "false"),
    RealProgram("/bin/busybox", "no-such-applet"),
  ]

  static let interpreters: [RealProgram] = [
    RealProgram("/usr/bin/python3", "-c", "print(sum(i * i for i in range(100000)), 2 ** 200)"),
    RealProgram("/usr/bin/python3", "-c", "import sys; sys.exit(7)"),
    RealProgram("/usr/bin/python3", "-c", "raise SystemExit(sum(map(int, open(0))))", input: "20\n21\n"),
    RealProgram("/usr/bin/python3", "-c", "1 / 0"),
    RealProgram(
      "/usr/bin/python3", "-c", "import json, sys; print(json.dumps(json.load(sys.stdin), indent=2, sort_keys=True))",
      input: #"{"b": [1, 2.5, null], "a": {"x": "\u2603"}}"#),
    RealProgram("/usr/bin/python3", "script.py", "an argument", files: ["script.py": "import sys\nprint(sys.argv)\n"]),
    RealProgram(
      "/usr/bin/perl", "-e",
      #"my %n; $n{length $_}++ for map { split } <STDIN>; print "$_ $n{$_}\n" for sort { $a <=> $b } keys %n"#,
      input: poem),
    RealProgram(
      "/usr/bin/perl", "-MList::Util=sum,shuffle", "-MData::Dumper", "-MPOSIX=floor", "-MDigest::SHA=sha256_hex", "-e",
      #"$Data::Dumper::Sortkeys = 1; print Dumper({a => [1..3]}), sum(1..100), floor(2.7), " ", sha256_hex("x"), "\n""#),
    RealProgram("/usr/bin/perl", "-e", "open(F, '<', 'missing') or die \"cannot open: $!\\n\""),
    RealProgram(
      "/usr/bin/lua5.4", "-e",
      """
      local t = {}
      for word in io.read('a'):gmatch('%a+') do t[#t + 1] = word:lower() end
      table.sort(t)
      print(table.concat(t, ' '))
      """,
      input: poem),
    RealProgram(
      "/usr/bin/lua5.4", "-e", "print(1 // 0.0, 7 // 2, 2^53, string.format('%5.2f|%q', 1/3, 'a\\nb'), #arg)"),
    RealProgram("/usr/bin/lua5.4", "-e", "error('on purpose')"),
    RealProgram(
      "/usr/bin/gawk", "-F\\t",
      #"{ n[$2] += $3 } END { PROCINFO["sorted_in"] = "@ind_str_asc"; for (k in n) print k, n[k] }"#, input: table),
    RealProgram(
      "/usr/bin/gawk", #"BEGIN { printf "%.10f %s\n", atan2(0, -1), strftime("%Y-%m-%d", 86400 * 365, 1) }"#),
    RealProgram(
      "/usr/bin/sqlite3",
      input: """
        create table t (id integer primary key, name text, value real);
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
          insert into t select i, 'name ' || (i * 7919 % 1000), i / 8.0 from n;
        create index by_name on t (name);
        select name, count(*), sum(value) from t group by name order by 3 desc limit 5;
        select json_object('a', json_array(1, 2, 'x')), hex(zeroblob(4)), printf('%08.3f', 3.14159);
        .mode box
        select * from t where id between 10 and 12;
        """),
    RealProgram(
      "/usr/bin/sqlite3", "new.db", "create table a(b); insert into a values (1), (2); select sum(b) from a",
      files: ["another": ""]),
    RealProgram("/usr/bin/sqlite3", ":memory:", "select * from missing"),
  ]

  static let tools: [RealProgram] = [
    RealProgram(
      "/usr/bin/jq", "-c", "[.[] | select(.a > 1) | {b: .a * 2}] | sort_by(-.b)",
      input: #"[{"a":1},{"a":2},{"a":3}]"#),
    RealProgram("/usr/bin/jq", "-r", ".missing.deep // \"none\"", input: "{}"),
    RealProgram("/usr/bin/jq", ".", input: "{broken"),
    RealProgram("/usr/bin/xz", "--version"),
    RealProgram("/usr/bin/openssl", "dgst", "-sha512", input: poem),
    RealProgram("/usr/bin/openssl", "enc", "-aes-256-ctr", "-K", "00112233", "-iv", "44556677", input: poem),
    RealProgram("/usr/bin/sort", "-k2,2", "-k1,1n", input: table),
    RealProgram("/usr/bin/md5sum", "poem", files: ["poem": poem]),
    RealProgram("/bin/grep", "-c", "name 1", input: table),
    RealProgram("/bin/sed", "-n", "2,4p", input: poem),
    RealProgram("/usr/bin/find", ".", "-type", "f", "-size", "+0", files: ["a/b/c": "x", "a/empty": ""]),
    RealProgram("/bin/date", "-u", "-d", "@1700000000"),
    RealProgram("/usr/bin/env", "-i", "A=1", "B=2"),
    RealProgram("/usr/bin/factor", "1234567890123456789"),
    RealProgram("/usr/bin/numfmt", "--to=iec", "1000000"),
    RealProgram("/bin/ls", "missing"),
  ]
}
