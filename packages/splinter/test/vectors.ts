import { readFileSync } from 'node:fs'
import { Splinter } from '../src/index.ts'

/** A valid file, see test/fixtures/v2/README.md. */
export interface VectorEntry {
  readonly name: string
  readonly file: string
  readonly format: 'v2' | 'v1'
  readonly group: string
  readonly form: 'built' | 'optimized' | 'operated' | 'forced' | 'computed'
  readonly canonical: boolean
  readonly count: number
  readonly valuesAs: 'values' | 'ranges' | 'strides' | 'u32' | 'rangesU32' | 'operation'
  readonly values?: readonly number[]
  readonly ranges?: readonly (readonly [number, number])[]
  readonly strides?: readonly (readonly [number, number, number])[]
  readonly valuesFile?: string
  readonly operation?: { readonly op: BinaryOperation; readonly a: string; readonly b: string }
}

export type BinaryOperation = 'union' | 'intersection' | 'difference' | 'symmetricDifference'

interface ResultEntry {
  readonly entry: string
  readonly count: number
}

/** Two operands and what the operations give. */
export type VectorPair = { readonly a: string; readonly b: string } & Readonly<
  Record<BinaryOperation | 'cutReturned' | 'cutRemaining', ResultEntry>
> &
  Readonly<Record<'equal' | 'isSubsetOf' | 'isSupersetOf' | 'isDisjointFrom', boolean>>

/** Questions with answers. */
export interface VectorProbes {
  readonly entry: string
  readonly count: number
  readonly first: number | null
  readonly last: number | null
  readonly contains: readonly [number, boolean][]
  readonly rank: readonly [number, number][]
  readonly position: readonly [number, number | null][]
  readonly select: readonly [number, number | null][]
  readonly containsAll: readonly [number, number, boolean][]
  readonly containsAny: readonly [number, number, boolean][]
}

/** A damaged file. */
export interface CorruptEntry {
  readonly name: string
  readonly file: string
  readonly category: 'length' | 'magic' | 'checksum' | 'version1' | 'structure'
  readonly what: string
}

/** A folder of vectors. */
export class Vectors {
  readonly #folder: string
  readonly entries: readonly VectorEntry[]
  readonly pairs: readonly VectorPair[]
  readonly probes: readonly VectorProbes[]
  readonly corrupt: readonly CorruptEntry[]

  /** @param folder With a slash at its end. */
  constructor(folder: string) {
    this.#folder = folder
    this.entries = this.#json('manifest.json') as VectorEntry[]
    const operations = this.#json('operations.json') as { pairs: VectorPair[]; probes: VectorProbes[] }
    this.pairs = operations.pairs
    this.probes = operations.probes
    this.corrupt = this.#json('corrupt/manifest.json') as CorruptEntry[]
  }

  #json(path: string): unknown {
    return JSON.parse(readFileSync(this.#folder + path, 'utf8'))
  }

  bytes(path: string): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(readFileSync(this.#folder + path))
  }

  entry(name: string): VectorEntry {
    const entry = this.entries.find((candidate) => candidate.name === name)
    if (entry === undefined) throw new Error(`no vector of that name: ${name}`)
    return entry
  }

  /** The encoded set of an entry. */
  file(name: string): Uint8Array<ArrayBuffer> {
    return this.bytes(this.entry(name).file)
  }

  /** The set that the manifest says an entry is, made without reading its file. */
  expected(entry: VectorEntry): Splinter {
    switch (entry.valuesAs) {
      case 'values':
        return Splinter.from(entry.values ?? [])
      case 'ranges':
        return ofRanges((entry.ranges ?? []).flat())
      case 'strides':
        return ofStrides(entry.strides ?? [])
      case 'u32':
        return Splinter.from(this.#numbers(entry))
      case 'rangesU32':
        return ofRanges(this.#numbers(entry))
      case 'operation': {
        const { op, a, b } = entry.operation!
        return this.expected(this.entry(a))[op](this.expected(this.entry(b)))
      }
    }
  }

  #numbers(entry: VectorEntry): Uint32Array {
    const bytes = this.bytes(entry.valuesFile!)
    const view = new DataView(bytes.buffer)
    return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(4 * i, true))
  }
}

function ofRanges(bounds: ArrayLike<number>): Splinter {
  const splinter = new Splinter()
  for (let i = 0; i < bounds.length; i += 2) splinter.addRange(bounds[i]!, bounds[i + 1]!)
  return splinter
}

function ofStrides(strides: readonly (readonly [number, number, number])[]): Splinter {
  const splinter = new Splinter()
  for (const [first, step, count] of strides) {
    for (let i = 0; i < count; i++) splinter.add(first + i * step)
  }
  return splinter
}
