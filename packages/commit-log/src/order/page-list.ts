/*
 * A doubly linked list of pages in typed arrays: an entry for each page, from the one changed last to the one changed
 * longest ago. Entries are numbered; an index tells the entry of a page: an array while the pages are dense, a map when they
 * are not. Entry 0 is no entry.
 */

// Up to this much of an index array may be unused before a map is smaller and quicker to make.
const INDEX_SLOTS_PER_PAGE = 8
const INDEX_SLOTS_FREE = 4096
const INDEX_SLOTS_MIN = 64
// What a map takes for an entry, about: measured on V8.
const MAP_ENTRY_BYTES = 40
const ENTRY_BYTES = 16
const ENTRIES_MIN = 16

/** Pages with the time of their last change, in its order. Times are integers from 1 to 2^32 - 1 that the caller gives meaning. */
export class PageList {
  // Columns of the entries.
  #pages = new Uint32Array(ENTRIES_MIN)
  #times = new Uint32Array(ENTRIES_MIN)
  #newer = new Uint32Array(ENTRIES_MIN)
  #older = new Uint32Array(ENTRIES_MIN)
  // Entries handed out so far, entry 0 among them; and those given back, linked by #older.
  #used = 1
  #free = 0
  #newest = 0
  #oldest = 0
  #size = 0
  // No page is above it.
  #last = 0
  #index: Uint32Array | Map<number, number> = new Uint32Array(INDEX_SLOTS_MIN)

  /** How many pages are in the list. */
  get size(): number {
    return this.#size
  }

  /** Memory that the list holds, about. */
  get byteLength(): number {
    const index = this.#index
    return this.#pages.length * ENTRY_BYTES + (index instanceof Map ? index.size * MAP_ENTRY_BYTES : index.byteLength)
  }

  /** Whether a page is in the list. */
  has(page: number): boolean {
    return this.#entryOf(page) !== 0
  }

  /** Puts a page at the newer end, or moves it there. The time must not be below any in the list. */
  pushNewest(page: number, time: number): void {
    let entry = this.#entryOf(page)
    if (entry === 0) entry = this.#newEntry(page)
    else if (entry !== this.#newest) this.#unlink(entry)
    this.#times[entry] = time
    if (entry === this.#newest) return
    this.#older[entry] = this.#newest
    this.#newer[entry] = 0
    if (this.#newest === 0) this.#oldest = entry
    else this.#newer[this.#newest] = entry
    this.#newest = entry
  }

  /** Puts a page that is not in the list at the older end. The time must not be above any in the list. */
  pushOldest(page: number, time: number): void {
    const entry = this.#newEntry(page)
    this.#times[entry] = time
    this.#newer[entry] = this.#oldest
    this.#older[entry] = 0
    if (this.#oldest === 0) this.#newest = entry
    else this.#older[this.#oldest] = entry
    this.#oldest = entry
  }

  /** Takes out all pages above a bound. */
  deleteAbove(bound: number): void {
    if (bound >= this.#last) return
    if (this.#index instanceof Map) {
      for (const [page, entry] of this.#index) if (page > bound) this.#delete(page, entry)
    } else {
      for (let page = bound + 1; page <= this.#last; page++) {
        const entry = this.#index[page] as number
        if (entry !== 0) this.#delete(page, entry)
      }
    }
    this.#last = bound
  }

  /**
   * The pages changed after a time, ascending. Costs what the answer does: a walk from the newest, or a look at every page
   * when those are many.
   */
  pagesAfter(time: number): Uint32Array {
    const scanFrom = this.#index instanceof Map ? Infinity : Math.max(64, this.#last >>> 4)
    const pages = new Uint32Array(Math.min(this.#size, scanFrom))
    let length = 0
    for (let entry = this.#newest; entry !== 0 && this.#times[entry]! > time; entry = this.#older[entry]!) {
      if (length === scanFrom) return this.#scanAfter(time)
      pages[length++] = this.#pages[entry]!
    }
    return pages.subarray(0, length).sort()
  }

  #scanAfter(time: number): Uint32Array {
    const index = this.#index as Uint32Array
    const times = this.#times
    // One more than can be found: each page is written down before it is known to count. Entry 0 has time 0.
    const pages = new Uint32Array(this.#size + 1)
    let length = 0
    for (let page = 1; page <= this.#last; page++) {
      pages[length] = page
      length += Number(times[index[page]!]! > time)
    }
    return pages.subarray(0, length)
  }

  /** Calls a function with each page changed after a time, newest first. */
  forEachAfter(time: number, callback: (page: number, time: number) => void): void {
    for (let entry = this.#newest; entry !== 0 && this.#times[entry]! > time; entry = this.#older[entry]!) {
      callback(this.#pages[entry]!, this.#times[entry]!)
    }
  }

  #entryOf(page: number): number {
    const index = this.#index
    if (index instanceof Map) return index.get(page) ?? 0
    return page < index.length ? index[page]! : 0
  }

  #newEntry(page: number): number {
    let entry = this.#free
    if (entry !== 0) this.#free = this.#older[entry]!
    else {
      entry = this.#used++
      if (entry === this.#pages.length) this.#growEntries()
    }
    this.#pages[entry] = page
    this.#size++
    if (page > this.#last) this.#last = page
    this.#setIndex(page, entry)
    return entry
  }

  #delete(page: number, entry: number): void {
    this.#unlink(entry)
    this.#older[entry] = this.#free
    this.#free = entry
    this.#times[entry] = 0
    this.#size--
    if (this.#index instanceof Map) this.#index.delete(page)
    else this.#index[page] = 0
  }

  #unlink(entry: number): void {
    const newer = this.#newer[entry]!
    const older = this.#older[entry]!
    if (newer === 0) this.#newest = older
    else this.#older[newer] = older
    if (older === 0) this.#oldest = newer
    else this.#newer[older] = newer
  }

  #growEntries(): void {
    const length = 2 * this.#pages.length
    this.#pages = grown(this.#pages, length)
    this.#times = grown(this.#times, length)
    this.#newer = grown(this.#newer, length)
    this.#older = grown(this.#older, length)
  }

  #setIndex(page: number, entry: number): void {
    if (!(this.#index instanceof Map) && page >= this.#index.length) this.#makeRoom(page)
    if (this.#index instanceof Map) this.#index.set(page, entry)
    else this.#index[page] = entry
  }

  /** Grows the index array, or goes over to a map. A list that was sparse once stays a map. */
  #makeRoom(page: number): void {
    const index = this.#index as Uint32Array
    if (page < INDEX_SLOTS_FREE + INDEX_SLOTS_PER_PAGE * this.#size) {
      this.#index = grown(index, Math.max(page + 1, 2 * index.length))
      return
    }
    const map = new Map<number, number>()
    for (let known = 1; known < index.length; known++) if (index[known] !== 0) map.set(known, index[known]!)
    this.#index = map
  }
}

function grown(from: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(length)
  to.set(from)
  return to
}
