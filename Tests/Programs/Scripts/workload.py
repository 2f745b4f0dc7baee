# SPDX-License-Identifier: Apache-2.0
"""A tour of Python's standard library that prints the same on every machine.

Each section is a function that yields lines; main prints them under the section's name. Nothing depends on
the time, the locale, hash seeds or the machine.
"""

import base64
import bisect
import bz2
import collections
import contextlib
import csv
import ctypes
import dataclasses
import datetime
import decimal
import difflib
import enum
import fractions
import functools
import hashlib
import heapq
import io
import itertools
import json
import lzma
import math
import os
import random
import re
import sqlite3
import statistics
import string
import struct
import sys
import tempfile
import textwrap
import traceback
import unicodedata
import zlib


def numbers():
    decimal.getcontext().prec = 60
    yield f"sqrt(2) = {decimal.Decimal(2).sqrt()}"
    yield f"1/7 + 3/11 = {fractions.Fraction(1, 7) + fractions.Fraction(3, 11)}"
    yield f"200! has {len(str(math.factorial(200)))} digits, the last that is not zero is {str(math.factorial(200)).rstrip('0')[-1]}"
    yield f"3^1000 mod 10^9+7 = {pow(3, 1000, 10**9 + 7)}"
    yield f"0.1 + 0.2 = {0.1 + 0.2!r}, sin(1) = {math.sin(1):.12f}, hex {(0.1).hex()}"
    data = [((i * 7919) % 101) / 3 for i in range(1000)]
    yield f"mean {statistics.fmean(data):.9f}, deviation {statistics.pstdev(data):.9f}, median {statistics.median(data):.6f}"


def primes(limit):
    sieve = bytearray([1]) * (limit + 1)
    sieve[0:2] = b"\0\0"
    for candidate in range(2, math.isqrt(limit) + 1):
        if sieve[candidate]:
            sieve[candidate * candidate :: candidate] = bytes(len(sieve[candidate * candidate :: candidate]))
    return [number for number, is_prime in enumerate(sieve) if is_prime]


def algorithms():
    found = primes(200_000)
    yield f"{len(found)} primes, the last is {found[-1]}"
    generator = random.Random(20260101)
    graph = {node: [(generator.randrange(1, 50), generator.randrange(2000)) for _ in range(5)] for node in range(2000)}
    distances, queue = {}, [(0, 0)]
    while queue:
        distance, node = heapq.heappop(queue)
        if node in distances:
            continue
        distances[node] = distance
        for weight, neighbour in graph[node]:
            heapq.heappush(queue, (distance + weight, neighbour))
    yield f"{len(distances)} nodes reached, the farthest at {max(distances.values())}"

    @functools.lru_cache(maxsize=None)
    def partitions(total, largest):
        if total == 0:
            return 1
        return sum(partitions(total - part, part) for part in range(1, min(total, largest) + 1))

    yield f"60 can be partitioned in {partitions(60, 60)} ways"
    permutations = sum(1 for p in itertools.permutations(range(7)) if all(p[i] != i for i in range(7)))
    yield f"{permutations} derangements of 7"
    grades = [bisect.bisect([60, 70, 80, 90], score) for score in range(50, 100, 7)]
    yield f"grades {grades}"


def texts():
    words = re.findall(r"[a-z]+", (__doc__ or "").lower())
    yield f"words: {collections.Counter(words).most_common(4)}"
    yield from textwrap.wrap("The quick brown fox jumps over the lazy dog. " * 3, 50)
    yield unicodedata.name("ß") + " " + unicodedata.normalize("NFD", "Ångström").encode("utf-8").hex()
    yield "".join(difflib.unified_diff(["a\n", "b\n", "c\n"], ["a\n", "x\n", "c\n"], "one", "two")).replace("\n", "|")
    yield string.Template("$who says ${what}").substitute(who="Vorteil", what="hello")
    yield re.sub(r"(?P<year>\d{4})-(\d\d)", r"\2/\g<year>", "2024-05 and 1999-12")
    yield "{:>12,.3f}|{:^10}|{:#x}|{!r}".format(1234567.891, "mid", 255, "quote'")


def codecs():
    payload = bytes(random.Random(7).randrange(256) for _ in range(50_000)) + b"repeat" * 20_000
    for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b"):
        yield f"{name} {hashlib.new(name, payload).hexdigest()[:48]}"
    for module in (zlib, bz2, lzma):
        packed = module.compress(payload)
        yield f"{module.__name__}: smaller {len(packed) < len(payload)}, the same {module.decompress(packed) == payload}"
    yield f"crc32 {zlib.crc32(payload):08x}, adler32 {zlib.adler32(payload):08x}"
    yield base64.b85encode(payload[:30]).decode()
    yield struct.pack(">hIq3sd", -2, 7, -(2**40), b"abc", 1.5).hex()
    yield f"pbkdf2 {hashlib.pbkdf2_hmac('sha256', b'secret', b'salt', 2000).hex()[:32]}"


def documents():
    tree = {"name": "Vorteil", "list": [1, 2.5, None, True, {"ü": "\u2603"}], "nested": {"a": [[]] * 3}}
    text = json.dumps(tree, sort_keys=True, indent=1)
    yield f"json is the same after a round: {json.loads(text) == tree}, {len(text)} characters"
    yield json.dumps(json.loads("[" * 50 + "]" * 50))[:20]
    table = io.StringIO()
    csv.writer(table).writerows([["a", "b,c", 'd"e'], [1, 2, 3]])
    yield repr(table.getvalue())
    yield str(list(csv.DictReader(io.StringIO("x,y\n1,2\n3,4\n"))))


def database():
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("create table item (id integer primary key, name text, price real)")
        rows = [(i, f"item {i % 100:02}", (i * 37 % 1000) / 8) for i in range(20_000)]
        connection.executemany("insert into item values (?, ?, ?)", rows)
        connection.execute("create index by_name on item (name)")
        query = "select name, count(*), sum(price) from item group by name order by sum(price) desc limit 3"
        for row in connection.execute(query):
            yield str(row)
        connection.create_function("twice", 1, lambda value: value * 2)
        yield str(connection.execute("select twice(21), upper('abc'), json_extract('{\"a\":[1,2]}', '$.a[1]')").fetchone())


@dataclasses.dataclass(order=True)
class Version:
    major: int
    minor: int = 0
    tags: list = dataclasses.field(default_factory=list, compare=False)


class Colour(enum.Flag):
    RED = 1
    GREEN = 2


def objects():
    yield str(sorted([Version(2), Version(1, 5, ["x"]), Version(1, 2)]))
    yield str(Colour.RED | Colour.GREEN in Colour.RED | Colour.GREEN)
    try:
        {}["missing"]
    except KeyError as error:
        yield f"{type(error).__name__}: {error}, in {traceback.extract_tb(error.__traceback__)[-1].name}"
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)
    yield (moment + datetime.timedelta(days=365, hours=13)).isoformat() + moment.strftime(" %A %j")
    with contextlib.suppress(RecursionError):
        functools.reduce(lambda function, _: lambda: function(), range(10_000), lambda: None)()
    yield f"recursion limit {sys.getrecursionlimit()}"


def foreign_functions():
    library = ctypes.CDLL(None)
    library.strlen.restype = ctypes.c_size_t
    yield f"strlen {library.strlen(b'twelve bytes')}, abs {library.abs(-5)}"
    numbers_to_sort = (ctypes.c_int * 8)(5, 3, 8, 1, 9, 2, 7, 4)
    comparison = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    library.qsort(numbers_to_sort, 8, 4, comparison(lambda left, right: left[0] - right[0]))
    yield f"qsort with a Python function: {list(numbers_to_sort)}"


def files():
    with tempfile.TemporaryDirectory() as directory:
        for index in range(30):
            path = os.path.join(directory, f"{index % 3}", f"file-{index}")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write("line\n" * index)
        for root, _, names in sorted(os.walk(directory)):
            size = sum(os.path.getsize(os.path.join(root, name)) for name in names)
            yield f"{os.path.relpath(root, directory)}: {len(names)} files, {size} bytes"
    yield f"removed: {not os.path.exists(directory)}"


def main():
    sections = (numbers, algorithms, texts, codecs, documents, database, objects, foreign_functions, files)
    for section in sections:
        print(f"== {section.__name__}")
        for line in section():
            print(line)


if __name__ == "__main__":
    main()
