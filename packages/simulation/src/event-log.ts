/** Everything that happened in a run, in order: as a digest, and as text where somebody wants to read it. */
export class EventLog {
  readonly #lines: string[] | undefined
  #high = 0xdeadbeef
  #low = 0x41c6ce57
  #count = 0

  /** @param options.isKept Whether the text is kept: a run has tens of thousands of events. */
  constructor(options: { readonly isKept: boolean }) {
    this.#lines = options.isKept ? [] : undefined
  }

  /** How many events there were. */
  get count(): number {
    return this.#count
  }

  /** The text, one line per event; empty if it is not kept. */
  get lines(): readonly string[] {
    return this.#lines ?? []
  }

  /** A digest of all lines: equal for equal runs. */
  get digest(): string {
    const hex = (part: number): string => (part >>> 0).toString(16).padStart(8, '0')
    return hex(this.#high) + hex(this.#low)
  }

  /** Adds an event. */
  add(timeMs: number, text: string): void {
    this.#count++
    this.#mix(timeMs)
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i))
    this.#lines?.push(`${timeMs.toFixed(3).padStart(14)} ${text}`)
  }

  // The rounds of cyrb53 by bryc (public domain).
  #mix(value: number): void {
    this.#high = Math.imul(this.#high ^ value, 2654435761)
    this.#low = Math.imul(this.#low ^ (value + this.#count), 1597334677)
    this.#high ^= this.#low >>> 15
  }
}
