import { Splinter } from '@graft-ts/splinter'

/*
 * A doubly linked list of pages in typed arrays, from the one changed last to the one changed longest ago. Each page in it has
 * an entry. While the pages are dense, a page's entry has the number of the page; when they are not, a map tells the number,
 * and a column the page. Entry 0 is no entry, and its time is 0.
 */

// Up to this much of the columns may be unused before a map is smaller and quicker to make.
const ENTRIES_PER_PAGE = 4
const ENTRIES_FREE = 4096
const ENTRIES_MIN = 64
// What a map takes for an entry, about: measured on V8.
const MAP_ENTRY_BYTES = 40
// A walk that has found one page in so many goes over to looking at every page.
const PAGES_PER_FOUND = 32
// What sorting a page takes is what it takes to look through so many bits.
const BITS_PER_PAGE = 512

/** Pages with the time of their last change, in its order. Times are integers from 1 to 2^32 - 1 that the caller gives meaning. */
export class PageList {
  #times = new Uint32Array(ENTRIES_MIN)
  #newer = new Uint32Array(ENTRIES_MIN)
  #older = new Uint32Array(ENTRIES_MIN)
  #newest = 0
  #oldest = 0
  #size = 0
  // No page is above it.
  #last = 0
  #sparse: SparseEntries | undefined

  /** How many pages are in the list. */
  get size(): number {
    return this.#size
  }

  /** Memory that the list holds, about. */
  get byteLength(): number {
    return 3 * this.#times.byteLength + (this.#sparse?.byteLength ?? 0)
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
    if (this.#sparse !== undefined) {
      for (const [page, entry] of this.#sparse.entriesAbove(bound)) {
        this.#delete(entry)
        this.#sparse.remove(page, entry)
      }
    } else {
      for (let page = bound + 1; page <= this.#last; page++) if (this.#times[page] !== 0) this.#delete(page)
    }
    this.#last = Math.min(this.#last, bound)
  }

  /** The pages changed after a time. Costs what the answer does: a walk from the newest, or a look at every page if those are many. */
  pagesAfter(time: number): Splinter {
    const foundMax = this.#sparse === undefined ? 16 + Math.floor(this.#last / PAGES_PER_FOUND) : this.#size
    const found = this.#walkAfter(time, new Uint32Array(Math.min(foundMax, this.#size)))
    if (found === undefined) return this.#scanAfter(time)
    const last = found.reduce((highest, page) => Math.max(highest, page), 0)
    // Bits are quicker than sorting unless they would be mostly zeros.
    return last > BITS_PER_PAGE * found.length ? Splinter.from(found.sort()) : Splinter.fromBits(bitsOf(found, last))
  }

  /** Walks from the newest page on. `undefined`: there is no room for all that changed after that time. */
  #walkAfter(time: number, room: Uint32Array): Uint32Array | undefined {
    const times = this.#times
    const older = this.#older
    let count = 0
    for (let entry = this.#newest; entry !== 0; entry = older[entry]!) {
      if (times[entry]! <= time) break
      if (count === room.length) return undefined
      room[count++] = entry
    }
    const found = room.subarray(0, count)
    if (this.#sparse !== undefined) for (let i = 0; i < count; i++) found[i] = this.#sparse.pageOf(found[i]!)
    return found
  }

  /** Looks at every page of a dense list. */
  #scanAfter(time: number): Splinter {
    const times = this.#times
    const words = new Uint32Array((this.#last >>> 5) + 1)
    const end = this.#last + 1
    for (let word = 0, page = 0; page < end; word++) {
      let bits = 0
      for (const next = Math.min(page + 32, end); page < next; page++) bits |= Number(times[page]! > time) << page
      words[word] = bits
    }
    return Splinter.fromBits(words)
  }

  /** Calls a function with each page changed after a time, newest first. */
  forEachAfter(time: number, callback: (page: number, time: number) => void): void {
    for (let entry = this.#newest; entry !== 0 && this.#times[entry]! > time; entry = this.#older[entry]!) {
      callback(this.#sparse === undefined ? entry : this.#sparse.pageOf(entry), this.#times[entry]!)
    }
  }

  #entryOf(page: number): number {
    if (this.#sparse !== undefined) return this.#sparse.entryOf(page)
    return page < this.#times.length && this.#times[page] !== 0 ? page : 0
  }

  #newEntry(page: number): number {
    if (page > this.#last) this.#last = page
    const isDense = this.#sparse === undefined
    // Growing is when it is worth a thought how.
    if (isDense ? page >= this.#times.length : this.#sparse!.isFull) {
      const densely = this.#last < ENTRIES_FREE + ENTRIES_PER_PAGE * (this.#size + 1)
      if (densely !== isDense) this.#renumber(densely ? undefined : new SparseEntries())
    }
    this.#size++
    const entry = this.#sparse === undefined ? page : this.#sparse.add(page)
    if (entry >= this.#times.length) this.#grow(entry + 1)
    return entry
  }

  #delete(entry: number): void {
    this.#unlink(entry)
    this.#times[entry] = 0
    this.#size--
  }

  #unlink(entry: number): void {
    const newer = this.#newer[entry]!
    const older = this.#older[entry]!
    if (newer === 0) this.#newest = older
    else this.#older[newer] = older
    if (older === 0) this.#oldest = newer
    else this.#newer[older] = newer
  }

  #grow(length: number): void {
    const room = Math.max(length, 2 * this.#times.length)
    this.#times = grown(this.#times, room)
    this.#newer = grown(this.#newer, room)
    this.#older = grown(this.#older, room)
  }

  /** Gives the pages other entries: those of their own numbers, or others. */
  #renumber(sparse: SparseEntries | undefined): void {
    const pages = new Uint32Array(this.#size)
    const times = new Uint32Array(this.#size)
    let count = 0
    this.forEachAfter(0, (page, time) => {
      pages[count] = page
      times[count++] = time
    })
    const room = sparse === undefined ? this.#last + 1 : this.#size + 1
    this.#times = new Uint32Array(room)
    this.#newer = new Uint32Array(room)
    this.#older = new Uint32Array(room)
    this.#newest = 0
    this.#oldest = 0
    this.#size = 0
    this.#sparse = sparse
    for (let i = 0; i < count; i++) this.pushOldest(pages[i]!, times[i]!)
  }
}

/** Numbers for pages that are few and far between. */
class SparseEntries {
  readonly #entries = new Map<number, number>()
  #pages = new Uint32Array(ENTRIES_MIN)
  readonly #free: number[] = []
  #used = 1

  /** Whether the next page takes more memory. */
  get isFull(): boolean {
    return this.#free.length === 0 && this.#used >= this.#pages.length
  }

  get byteLength(): number {
    return this.#pages.byteLength + this.#entries.size * MAP_ENTRY_BYTES
  }

  entryOf(page: number): number {
    return this.#entries.get(page) ?? 0
  }

  pageOf(entry: number): number {
    return this.#pages[entry]!
  }

  add(page: number): number {
    const entry = this.#free.pop() ?? this.#used++
    if (entry >= this.#pages.length) this.#pages = grown(this.#pages, 2 * this.#pages.length)
    this.#pages[entry] = page
    this.#entries.set(page, entry)
    return entry
  }

  remove(page: number, entry: number): void {
    this.#entries.delete(page)
    this.#free.push(entry)
  }

  entriesAbove(bound: number): [number, number][] {
    return [...this.#entries].filter(([page]) => page > bound)
  }
}

function bitsOf(pages: Uint32Array, last: number): Uint32Array {
  const words = new Uint32Array((last >>> 5) + 1)
  for (let i = 0; i < pages.length; i++) words[pages[i]! >>> 5]! |= 1 << pages[i]!
  return words
}

function grown(from: Uint32Array, length: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(length)
  to.set(from)
  return to
}
