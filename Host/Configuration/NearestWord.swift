// SPDX-License-Identifier: Apache-2.0

/// The one of `candidates` that `word` was probably meant to be; nil if none is close.
func nearestWord(to word: String, among candidates: some Sequence<String>) -> String? {
  let scored = candidates.map { (candidate: $0, distance: editDistance(word, $0)) }
  guard let best = scored.min(by: { ($0.distance, $0.candidate) < ($1.distance, $1.candidate) }) else { return nil }
  return best.distance <= max(2, word.count / 3) ? best.candidate : nil
}

/// The least number of characters to insert, remove or replace that turn one word into the other (Levenshtein).
private func editDistance(_ left: String, _ right: String) -> Int {
  let right = Array(right)
  var row = Array(0...right.count)
  for (i, character) in left.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for j in right.indices {
      let replaced = diagonal + (character == right[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[right.count]
}
