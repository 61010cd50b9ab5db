import type { CacheFolder, FileFacts, OpenFile } from '../../src/node/cache-folder.ts'

/** A call of a folder or of one of its files. */
export interface FolderCall {
  readonly call: 'make' | 'list' | 'open' | 'create' | 'remove' | 'length' | 'read' | 'write' | 'close'
  readonly name?: string
}

interface MemoryFile {
  readonly id: string
  content: Uint8Array
}

/** A folder in memory that a test can look into, damage, break, and copy as a crash would leave it. */
export class MemoryFolder implements CacheFolder {
  readonly files = new Map<string, MemoryFile>()
  /** Asked before each call; what it throws is what the call fails with. May make the call wait. */
  onCall: ((call: FolderCall) => Promise<void> | void) | undefined
  /** How many bytes of a write get through before it fails with `ENOSPC`. */
  writeBytesMax = Number.POSITIVE_INFINITY
  /** Most bytes that were in the folder at any time. */
  peakBytes = 0
  /** The longest that any file was. */
  peakFileBytes = 0
  openFiles = 0
  #nextId = 1

  get bytes(): number {
    return [...this.files.values()].reduce((sum, { content }) => sum + content.length, 0)
  }

  /** What a crash at this moment would leave. */
  copy(): MemoryFolder {
    const copy = new MemoryFolder()
    for (const [name, { content }] of this.files) copy.plant(name, content.slice())
    return copy
  }

  plant(name: string, content: Uint8Array): void {
    this.files.set(name, { id: `${this.#nextId++}`, content })
    this.#measure()
  }

  async make(): Promise<void> {
    await this.onCall?.({ call: 'make' })
  }

  async list(names: ReadonlySet<string>): Promise<FileFacts[]> {
    await this.onCall?.({ call: 'list' })
    // By name: the order of a folder says nothing about age.
    const files = [...this.files].filter(([name]) => names.has(name)).sort(([a], [b]) => (a < b ? -1 : 1))
    return files.map(([name, { id, content }]) => ({ name, id, bytes: content.length }))
  }

  async open(name: string): Promise<OpenFile> {
    await this.onCall?.({ call: 'open', name })
    const file = this.files.get(name)
    if (file === undefined) throw systemError('ENOENT')
    return this.#opened(name, file)
  }

  async create(name: string): Promise<OpenFile> {
    await this.onCall?.({ call: 'create', name })
    if (this.files.has(name)) throw systemError('EEXIST')
    const file = { id: `${this.#nextId++}`, content: new Uint8Array(0) }
    this.files.set(name, file)
    return this.#opened(name, file)
  }

  async remove({ name, id }: { name: string; id: string }): Promise<void> {
    await this.onCall?.({ call: 'remove', name })
    const file = this.files.get(name)
    if (file?.id !== id) return
    file.content = new Uint8Array(0)
    this.files.delete(name)
  }

  #opened(name: string, file: MemoryFile): OpenFile {
    this.openFiles += 1
    let isOpen = true
    const usable = (): void => {
      if (!isOpen) throw systemError('EBADF')
    }
    return {
      id: file.id,
      bytes: file.content.length,
      length: async () => {
        await this.onCall?.({ call: 'length', name })
        return file.content.length
      },
      read: async (target, position) => {
        await this.onCall?.({ call: 'read', name })
        usable()
        const found = file.content.subarray(position, position + target.length)
        target.set(found)
        return found.length
      },
      write: async (parts, position) => {
        await this.onCall?.({ call: 'write', name })
        usable()
        let at = position
        for (const part of parts) {
          const taken = part.subarray(0, Math.max(0, position + this.writeBytesMax - at))
          file.content = overwritten(file.content, taken, at)
          at += taken.length
          this.#measure()
          if (taken.length < part.length) throw systemError('ENOSPC')
        }
      },
      close: async () => {
        await this.onCall?.({ call: 'close', name })
        usable()
        isOpen = false
        this.openFiles -= 1
      },
    }
  }

  #measure(): void {
    this.peakBytes = Math.max(this.peakBytes, this.bytes)
    for (const { content } of this.files.values()) this.peakFileBytes = Math.max(this.peakFileBytes, content.length)
  }
}

/** An error as the system throws it. */
export function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code })
}

function overwritten(content: Uint8Array, bytes: Uint8Array, at: number): Uint8Array {
  const grown = new Uint8Array(Math.max(content.length, at + bytes.length))
  grown.set(content)
  grown.set(bytes, at)
  return grown
}
