# SPDX-License-Identifier: Apache-2.0
"""Runs the module of CPython's own tests that is named, in this process, and prints a line for each case: its outcome
and its name. What failed, and why, goes to standard error.

Cases that stand in the file `left-out`, one a line, are not run. With `--commands`, what is printed are the second
Pythons that the cases start, as JSON: their arguments, what they write and their exit code.
"""
import json
import subprocess
import sys
import unittest


class Outcomes(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.outcomes = {}
        self.running = ""

    def startTest(self, test):
        super().startTest(test)
        self.running = test.id()

    def note(self, test, outcome, error=None):
        # What a part, or the cleaning up, found counts more than that the rest went well.
        if self.outcomes.get(test.id()) not in ("failure", "error"):
            self.outcomes[test.id()] = outcome
        if error:
            print(f"{outcome}: {test.id()}\n{self._exc_info_to_string(error, test)}", file=sys.stderr, flush=True)

    def addSuccess(self, test):
        self.note(test, "fine")

    def addFailure(self, test, error):
        self.note(test, "failure", error)

    def addError(self, test, error):
        self.note(test, "error", error)

    def addSkip(self, test, reason):
        self.note(test, "skipped")

    def addExpectedFailure(self, test, error):
        self.note(test, "fails as expected")

    def addUnexpectedSuccess(self, test):
        self.note(test, "success not expected")

    def addSubTest(self, test, part, error):
        if error:
            self.note(test, "failure" if issubclass(error[0], test.failureException) else "error", error)


class Recorded(subprocess.Popen):
    """A second Python, of which is noted what it was told and what it did."""

    all = []

    def __init__(self, arguments, *others, **named):
        super().__init__(arguments, *others, **named)
        self.record = {"case": outcomes.running, "arguments": [], "output": "", "exitCode": None}
        if isinstance(arguments, list) and arguments[0] == sys.executable and "-c" in arguments:
            self.record["arguments"] = arguments[1:]
            self.all.append(self.record)

    def communicate(self, *others, **named):
        output, errors = super().communicate(*others, **named)
        if isinstance(output, bytes):
            self.record["output"] = output.decode(errors="replace")
        self.record["exitCode"] = self.returncode
        return output, errors


def cases(suite, left_out):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from cases(test, left_out)
        elif test.id() not in left_out:
            yield test


records = sys.argv[1] == "--commands"
module = sys.argv[-1]
with open("left-out") as file:
    left_out = set(file.read().split("\n"))
outcomes = Outcomes()
if records:
    subprocess.Popen = Recorded
# What the tests themselves print is not a result.
output, sys.stdout = sys.stdout, sys.stderr
suite = unittest.defaultTestLoader.loadTestsFromName("test." + module)
unittest.TestSuite(cases(suite, left_out)).run(outcomes)
if records:
    # One that was killed, or that nobody waited for in this way, has nothing that can be compared.
    json.dump([one for one in Recorded.all if (one["exitCode"] or 0) >= 0 and one["exitCode"] is not None], output)
else:
    for name in sorted(outcomes.outcomes):
        print(outcomes.outcomes[name], name, file=output)
