// SPDX-License-Identifier: Apache-2.0

/// Sorts numbers of things by what `precedes` says of the things: a heap sort, which is small, in place, and
/// has no bad cases. The standard library's sort would stand in the kernel once for every kind of thing.
@inline(never)
func sortIndices(_ indices: inout [Int], _ precedes: (Int, Int) -> Bool) {
  func sink(_ start: Int, _ end: Int) {
    var parent = start
    while true {
      var child = 2 &* parent &+ 1
      if child >= end { return }
      if child &+ 1 < end, precedes(indices[child], indices[child &+ 1]) { child &+= 1 }
      if !precedes(indices[parent], indices[child]) { return }
      indices.swapAt(parent, child)
      parent = child
    }
  }
  var start = indices.count / 2
  while start > 0 {
    start &-= 1
    sink(start, indices.count)
  }
  var end = indices.count
  while end > 1 {
    end &-= 1
    indices.swapAt(0, end)
    sink(0, end)
  }
}
