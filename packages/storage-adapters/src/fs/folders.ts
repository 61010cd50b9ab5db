import { type Files, makeFolder, quietly } from './files.ts'

const OPEN_FOLDERS_MAX = 64
const KNOWN_FOLDERS_MAX = 10_000

interface OpenFolder {
  readonly opening: Promise<number>
  fd: number | undefined
  /** The sync that is under way, if any; settles when it does, never fails. */
  current: Promise<void> | undefined
  /** The sync that starts after the current one, which whoever asks until then shares. */
  next: Promise<void> | undefined
  users: number
  /** Why a sync failed; later ones of this folder fail for the same reason. */
  failure: unknown
}

/**
 * Makes entries of folders durable.
 *
 * Folders stay open, and callers that ask while a sync is under way share the one after it: many writers to one folder
 * cost few syncs. A sync that began before the call would not do, the new entry may not be in it.
 */
export class FolderSync {
  readonly #files: Files
  readonly #isOn: boolean
  // In order of last use, oldest first.
  readonly #open = new Map<string, OpenFolder>()

  constructor(files: Files, isOn: boolean) {
    this.#files = files
    this.#isOn = isOn
  }

  /** Resolves when every entry that the folder has now is durable; at once if syncing is off. */
  async sync(path: string): Promise<void> {
    if (!this.#isOn) return
    const folder = this.#take(path)
    folder.users++
    try {
      if (folder.current === undefined && folder.next === undefined) await this.#start(folder)
      else await (folder.next ??= this.#startAfter(folder, folder.current))
    } catch (error) {
      if (this.#open.get(path) === folder) this.#drop(path, folder)
      throw error
    } finally {
      folder.users--
    }
    this.#evict()
  }

  /** Lets go of an open folder, after its path turned out to lead elsewhere. */
  forget(path: string): void {
    const folder = this.#open.get(path)
    if (folder !== undefined) this.#drop(path, folder)
  }

  /** Closes the folders. No sync may be under way. */
  async close(): Promise<void> {
    const folders = [...this.#open.values()]
    this.#open.clear()
    await Promise.all(folders.map((folder) => this.#closeFolder(folder)))
  }

  #take(path: string): OpenFolder {
    const known = this.#open.get(path)
    if (known !== undefined) {
      this.#open.delete(path)
      this.#open.set(path, known)
      return known
    }
    const opening = this.#files.open(path, 'r')
    const folder: OpenFolder = { opening, fd: undefined, current: undefined, next: undefined, users: 0, failure: undefined }
    this.#open.set(path, folder)
    return folder
  }

  async #startAfter(folder: OpenFolder, current: Promise<void> | undefined): Promise<void> {
    await current
    folder.next = undefined
    await this.#start(folder)
  }

  /** Begins a sync before it returns if the folder is open: what its caller does beside it should come second. */
  #start(folder: OpenFolder): Promise<void> {
    const sync = this.#syncNow(folder)
    folder.current = quietly(sync).then(() => {
      folder.current = undefined
    })
    return sync
  }

  async #syncNow(folder: OpenFolder): Promise<void> {
    // The kernel reports a failed sync once per open file: a later one of this file would falsely succeed.
    if (folder.failure !== undefined) throw folder.failure
    try {
      folder.fd ??= await folder.opening
      await this.#files.fsync(folder.fd)
    } catch (error) {
      folder.failure = error
      throw error
    }
  }

  #evict(): void {
    for (const [path, folder] of this.#open) {
      if (this.#open.size <= OPEN_FOLDERS_MAX) return
      if (folder.users === 0) this.#drop(path, folder)
    }
  }

  #drop(path: string, folder: OpenFolder): void {
    this.#open.delete(path)
    // After the sync that others may still share.
    void Promise.resolve(folder.current).then(() => this.#closeFolder(folder))
  }

  async #closeFolder(folder: OpenFolder): Promise<void> {
    await quietly(folder.opening.then((fd) => this.#files.close(fd)))
  }
}

/**
 * Makes folders and remembers which are durable.
 *
 * A folder that another process made may not be durable yet, so each process syncs the parent of each folder once
 * before it relies on it. The store never removes folders, else that memory could be wrong.
 */
export class Folders {
  readonly #files: Files
  readonly #sync: FolderSync
  readonly #root: string
  readonly #durable = new Set<string>()
  readonly #underWay = new Map<string, Promise<void>>()

  constructor(files: Files, sync: FolderSync, root: string) {
    this.#files = files
    this.#sync = sync
    this.#root = root
  }

  /** Path of a folder below the root. */
  pathOf(names: readonly string[]): string {
    return names.length === 0 ? this.#root : `${this.#root}/${names.join('/')}`
  }

  /** Tells whether {@link ensure} has nothing to do. */
  isKnown(names: readonly string[]): boolean {
    return names.length === 0 || this.#durable.has(this.pathOf(names))
  }

  /** Makes the folders below the root, outermost first, and gives the path of the last. Costs nothing when known. */
  async ensure(names: readonly string[]): Promise<string> {
    const path = this.pathOf(names)
    if (this.isKnown(names)) return path
    let shared = this.#underWay.get(path)
    if (shared === undefined) {
      shared = this.#make(path, names).finally(() => this.#underWay.delete(path))
      this.#underWay.set(path, shared)
    }
    await shared
    return path
  }

  /** Forgets what is known of a path, after it turned out to be missing. */
  forget(names: readonly string[]): void {
    for (let depth = 0; depth <= names.length; depth++) {
      const path = this.pathOf(names.slice(0, depth))
      this.#durable.delete(path)
      this.#sync.forget(path)
    }
  }

  async #make(path: string, names: readonly string[]): Promise<void> {
    const parent = await this.ensure(names.slice(0, -1))
    await makeFolder(this.#files, path)
    await this.#sync.sync(parent)
    if (this.#durable.size >= KNOWN_FOLDERS_MAX) this.#durable.clear()
    this.#durable.add(path)
  }
}
