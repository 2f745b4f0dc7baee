// SPDX-License-Identifier: Apache-2.0
import Collections
import Machine

/// A node whose content is, or passes through, pages in memory: one copy for `read`, `write` and `mmap`.
///
/// Copies from and to the program's memory may fault, and a fault may come back here: for another page of
/// the same file, or for memory, which makes the cache give pages up. So a frame is retained while it is
/// copied, and nothing that was read from the index before a copy is believed after it.
class PagedNode: Node {
  final var pages = PageIndex<Frame>()
  /// What is being read from the disk.
  final var reads: [PageRead] = []
  /// Where the last read ended; one that goes on there is sequential and is read ahead.
  private final var nextRead: UInt64 = 0

  override init(fileSystem: FileSystem, number: UInt64, attributes: Attributes) {
    super.init(fileSystem: fileSystem, number: number, attributes: attributes)
    opensItself = attributes.isRegular || attributes.isDirectory
  }

  // MARK: what subclasses know

  /// Pages are not copies of something: they are never dropped to save memory.
  var keepsPages: Bool { false }

  /// What is not in memory is on a disk.
  var isOnDisk: Bool { false }

  /// Whether a page that is not in memory is all zeros and need not be brought there to be read.
  func isHole(_ index: UInt64) -> Bool { false }

  /// Has the frames of `read` filled, all of them pages inside the file: at once, or by parts of that transfer.
  func fill(_ read: PageRead) throws(Errno) {
    for frame in read.frames { frame.clear(from: 0, count: Frame.size) }
  }

  /// All of `read` has been read.
  func wasFilled(_ read: PageRead) {}

  /// Waits for the end of `read` without letting anybody else into the kernel.
  func wait(for read: PageRead) {}

  /// Writes one page back; `count` bytes of it are inside the file.
  func store(_ index: UInt64, _ frame: Frame, count: Int) throws(Errno) {}

  /// `offset ..< offset + count` was written, all of it in pages that are in memory. Makes room for it in
  /// storage or fails; sets the size and times.
  func commit(at offset: UInt64, count: Int) throws(Errno) {}

  /// Room for the bytes of a page that is to be mapped for writing.
  func prepareForMappedWriting(_ index: UInt64) throws(Errno) {}

  /// One more page is about to be kept in memory; throws where pages are counted and there is no room.
  func chargePage() throws(Errno) {}

  /// One page fewer is kept.
  func unchargePage() {}

  /// A page has come to differ from what is stored (1), or does so no longer (-1).
  func dirtyChanged(_ change: Int, _ index: UInt64) {}

  deinit {
    var from: UInt64 = 0
    while let found = pages.next(from: from) {
      PhysicalMemory.release(CachedPage(bits: found.entry).frame)
      from = found.index &+ 1
    }
  }

  // MARK: pages

  override var isMappable: Bool { attributes.isRegular }

  final var lastPage: UInt64? { attributes.size == 0 ? nil : (attributes.size &- 1) >> 12 }

  /// The entry of a page inside the file; if it is not there, it is read in with `ahead` pages after it.
  @inline(__always)
  final func entry(_ index: UInt64, ahead: Int) throws(Errno) -> CachedPage {
    let entry = CachedPage(bits: pages[index])
    return entry.isPresent ? entry : try load(index, ahead: ahead)
  }

  /// Whether the page is inside the file and can only be had from the disk.
  override func mustBeRead(_ index: UInt64) -> Bool {
    guard isOnDisk, let last = lastPage, index <= last else { return false }
    return pages[index] == 0 && !isHole(index)
  }

  /// Programs start by touching much of a few files: the whole window comes in which the page is.
  override func bring(_ index: UInt64) {
    let start = index & ~UInt64(PageCache.readAheadPages &- 1)
    _ = bring(pages[start] == 0 ? start : index, ahead: PageCache.readAheadPages &- 1)
    if mustBeRead(index) { _ = bring(index, ahead: 0) }
  }

  /// A frame that was charged and did not get into the index.
  final func giveUp(_ frame: Frame) {
    PhysicalMemory.release(frame)
    unchargePage()
  }

  /// A frame for a page that is not in memory, charged.
  private final func freshFrame(zeroed: Bool) throws(Errno) -> Frame {
    try chargePage()
    guard let frame = zeroed ? PageCache.allocateZeroed() : PageCache.allocate() else {
      unchargePage()
      throw outOfMemory
    }
    return frame
  }

  /// Makes a page of zeros that is not in memory.
  final func addZeroPage(_ index: UInt64) throws(Errno) -> CachedPage {
    let entry = CachedPage(try freshFrame(zeroed: true))
    guard pages.set(entry.bits, at: index) else {
      giveUp(entry.frame)
      throw outOfMemory
    }
    return entry
  }

  @inline(__always)
  private final func noteUse(_ index: UInt64, _ entry: CachedPage) {
    if entry.wasUsed { return }
    var used = entry
    used.wasUsed = true
    _ = pages.set(used.bits, at: index)
  }

  override func page(at index: UInt64, forWriting: Bool) throws(Errno) -> Frame {
    guard let last = lastPage, index <= last else { throw .EFAULT }
    // Programs start by touching much of a few files: bring the whole window in which they are.
    let window = UInt64(PageCache.readAheadPages)
    var entry = CachedPage(bits: pages[index])
    if !entry.isPresent {
      let start = index & ~(window &- 1)
      if pages[start] == 0 { _ = try? load(start, ahead: PageCache.readAheadPages &- 1) }
      entry = try self.entry(index, ahead: PageCache.readAheadPages &- 1)
    }
    noteUse(index, entry)
    if forWriting {
      // Making room may make the cache give pages up, but not this one.
      let frame = entry.frame
      PhysicalMemory.retain(frame)
      defer { PhysicalMemory.release(frame) }
      try prepareForMappedWriting(index)
      markDirty(index)
    }
    return entry.frame
  }

  override func residentPage(at index: UInt64) -> Frame? {
    guard let last = lastPage, index <= last else { return nil }
    let entry = CachedPage(bits: pages[index])
    return entry.isPresent ? entry.frame : nil
  }

  override func markDirty(_ index: UInt64) {
    var entry = CachedPage(bits: pages[index])
    guard entry.isPresent else { return }
    entry.isMappedForWriting = true
    setDirty(index, entry)
  }

  /// From here on the page is neither dropped nor read again before it was stored.
  final func setDirty(_ index: UInt64, _ entry: CachedPage) {
    if keepsPages { return }
    var dirty = entry
    dirty.isDirty = true
    _ = pages.set(dirty.bits, at: index)
    if !entry.isDirty { dirtyChanged(1, index) }
  }

  override func readAhead(at offset: UInt64, count: UInt64) {
    guard let last = lastPage, count > 0 else { return }
    var index = offset >> 12
    let end = min(last, (offset &+ min(count, .max &- offset) &- 1) >> 12)
    while index <= end && PhysicalMemory.available > 1024 {
      if !isHole(index), pages[index] == 0 {
        guard (try? load(index, ahead: Int(min(end &- index, 15)))) != nil else { return }
      }
      index &+= 1
    }
  }

  // MARK: reading

  override func read(at offset: UInt64, to address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    guard attributes.isRegular else { return try super.read(at: offset, to: address, count: count, mayWait: mayWait) }
    let size = attributes.size
    guard offset < size, count > 0 else { return 0 }
    let total = Int(min(UInt64(count), size &- offset))
    let isSequential = offset == nextRead || offset == 0
    var done = 0
    while done < total {
      let position = offset &+ UInt64(done)
      let start = Int(position & 4095)
      let part = min(4096 &- start, total &- done)
      let copied = try readPart(
        position >> 12, start, part, to: address &+ UInt64(done), left: total &- done, isSequential, done)
      guard copied else { break }
      done &+= part
    }
    guard done > 0 else { throw .EFAULT }
    nextRead = offset &+ UInt64(done)
    return done
  }

  /// Copies a part of one page. False: the program's memory is not there, or, with something already
  /// done, the page is not to be had.
  @inline(__always)
  private final func readPart(
    _ index: UInt64, _ start: Int, _ part: Int, to address: UInt64, left: Int, _ isSequential: Bool, _ done: Int
  ) throws(Errno) -> Bool {
    var entry = CachedPage(bits: pages[index])
    if !entry.isPresent {
      if isHole(index) { return ProgramMemory.clear(address, count: UInt64(part)) }
      let wanted = (left &- 1) >> 12
      let ahead = min(isSequential ? PageCache.readAheadPages &- 1 : wanted, PageCache.readAheadPages &- 1)
      if done == 0 { throw bring(index, ahead: ahead) }
      do throws(Errno) {
        entry = try load(index, ahead: ahead)
      } catch { return false }
    }
    noteUse(index, entry)
    let frame = entry.frame
    PhysicalMemory.retain(frame)
    let copied = ProgramMemory.copy(from: frame, offset: start, count: part, to: address)
    PhysicalMemory.release(frame)
    return copied
  }

  override func read(at offset: UInt64, into bytes: inout MutableSpan<UInt8>) throws(Errno) -> Int {
    let size = attributes.size
    guard offset < size else { return 0 }
    let total = Int(min(UInt64(bytes.count), size &- offset))
    var done = 0
    while done < total {
      let position = offset &+ UInt64(done)
      let start = Int(position & 4095)
      let part = min(4096 &- start, total &- done)
      let frame = try entry(position >> 12, ahead: PageCache.readAheadPages &- 1).frame
      frame.withBytes { page in
        for index in 0..<part { bytes[done &+ index] = page[start &+ index] }
      }
      done &+= part
    }
    return done
  }

  // MARK: writing

  override func write(at offset: UInt64, from address: UInt64, count: Int, mayWait: Bool) throws(Errno) -> Int {
    guard attributes.isRegular else {
      return try super.write(at: offset, from: address, count: count, mayWait: mayWait)
    }
    guard count > 0 else { return 0 }
    let total = Int(min(UInt64(count), try roomForWriting(at: offset)))
    if !identity.isRoot && attributes.mode & 0o6000 != 0 { attributes.mode &= ~0o6000 }
    var done = 0
    while done < total {
      // In steps of what one request to the device can carry.
      let position = offset &+ UInt64(done)
      let step = min(total &- done, PageCache.readAheadPages &* 4096 &- Int(position & 4095))
      var copied = 0
      var failure: Errno?
      do throws(Errno) {
        copied = try writeStep(position, step, from: address &+ UInt64(done))
        if copied > 0 { try commit(at: position, count: copied) }
      } catch {
        failure = error
        // What was written inside the file stays, and stays to be stored; what was to make it longer goes.
        cutPages(at: attributes.size)
        copied = 0
      }
      done &+= copied
      if copied < step {
        if done == 0 { throw failure ?? .EFAULT }
        break
      }
    }
    return done
  }

  /// How many bytes may be written at `offset`; throws EFBIG if none.
  private final func roomForWriting(at offset: UInt64) throws(Errno) -> UInt64 {
    guard offset < maximumSize else { throw .EFBIG }
    try limits.checkFileSize(offset)
    return min(maximumSize, limits.fileSize) &- offset
  }

  /// Copies from the program into pages. Returns how much; less than asked for if its memory is not there.
  private final func writeStep(_ offset: UInt64, _ count: Int, from address: UInt64) throws(Errno) -> Int {
    var done = 0
    while done < count {
      let position = offset &+ UInt64(done)
      let index = position >> 12
      let start = Int(position & 4095)
      let part = min(4096 &- start, count &- done)
      let entry = CachedPage(bits: pages[index])
      var frame: Frame
      if entry.isPresent {
        frame = entry.frame
      } else if let last = lastPage, index <= last, part < 4096, !isHole(index) {
        do throws(Errno) {
          frame = try load(index, ahead: 0).frame
        } catch {
          if done > 0 { return done }
          throw error
        }
      } else {
        let fresh: Frame
        do throws(Errno) {
          fresh = try freshFrame(zeroed: part < 4096)
        } catch {
          if done > 0 { return done }
          throw error
        }
        // Into the index only when it is filled: until then it holds what others left in it.
        guard ProgramMemory.copy(from: address &+ UInt64(done), to: fresh, offset: start, count: part) else {
          giveUp(fresh)
          return done
        }
        // The copy may have faulted, and the fault may have brought this very page.
        let now = CachedPage(bits: pages[index])
        if now.isPresent {
          now.frame.copy(from: fresh)
          giveUp(fresh)
        } else if !pages.set(CachedPage(fresh).bits, at: index) {
          giveUp(fresh)
          if done > 0 { return done }
          throw outOfMemory
        }
        setDirty(index, CachedPage(bits: pages[index]))
        done &+= part
        continue
      }
      PhysicalMemory.retain(frame)
      let copied = ProgramMemory.copy(from: address &+ UInt64(done), to: frame, offset: start, count: part)
      // Also after a copy that failed half way: nobody else held it, so it is still in the index.
      setDirty(index, CachedPage(bits: pages[index]))
      PhysicalMemory.release(frame)
      guard copied else { return done }
      done &+= part
    }
    return done
  }

  /// What a page that cannot be had means for a write.
  var outOfMemory: Errno { .ENOMEM }

  override func write(at offset: UInt64, bytes: Span<UInt8>) throws(Errno) {
    guard bytes.count > 0 else { return }
    guard UInt64(bytes.count) <= (try roomForWriting(at: offset)) else { throw .EFBIG }
    var done = 0
    while done < bytes.count {
      let position = offset &+ UInt64(done)
      let index = position >> 12
      let start = Int(position & 4095)
      let part = min(4096 &- start, bytes.count &- done)
      var entry = CachedPage(bits: pages[index])
      if !entry.isPresent, let last = lastPage, index <= last, !isHole(index) { entry = try load(index, ahead: 0) }
      if !entry.isPresent { entry = try addZeroPage(index) }
      entry.frame.withBytes { page in
        for position in 0..<part { page[start &+ position] = bytes[done &+ position] }
      }
      setDirty(index, CachedPage(bits: pages[index]))
      try commit(at: position, count: part)
      done &+= part
    }
  }

  override func dropCache(at offset: UInt64, count: UInt64) {
    let last = (offset &+ min(count, .max &- offset)) >> 12
    var from = (offset &+ min(4095, .max &- offset)) >> 12
    while let found = pages.next(from: from), found.index < last {
      from = found.index &+ 1
      var page = CachedPage(bits: found.entry)
      if PhysicalMemory.isShared(page.frame) { continue }
      if page.isDirty {
        guard (try? storeChanged(found.index, page)) != nil else { continue }
        page = CachedPage(bits: pages[found.index])
      }
      if page.isPresent && !page.isDirty && !keepsPages { drop(found.index, page) }
    }
  }
}
