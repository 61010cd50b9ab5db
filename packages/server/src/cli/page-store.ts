import type { Command, OptionValues } from '@commander-js/extra-typings'
import type { PagestoreLimits, PagestoreOptions } from '@graft-ts/pagestore'
import type { DiskFrameCacheOptions } from '@graft-ts/pagestore/node'
import type { ServerRoles } from '../options.ts'
import { CliError } from './errors.ts'
import { parseBytes, parseInteger, parseShare } from './numbers.ts'

/** How `serve` is told what its page store may take. */
export interface PageStoreFlags {
  readonly cacheDir?: string | undefined
  readonly cacheBytes?: string | undefined
  readonly memoryBytes?: string | undefined
  readonly writeBytes?: string | undefined
  readonly readsMax?: string | undefined
  readonly uploadsMax?: string | undefined
  readonly hedge?: string | undefined
}

/** What comes of the flags. */
export interface PageStoreSettings {
  readonly limits: Partial<PagestoreLimits>
  readonly options: Pick<PagestoreOptions, 'cacheBytesMax' | 'hedge'>
  /** A frame cache to be opened. */
  readonly frameCache: DiskFrameCacheOptions | undefined
}

const CACHE_BYTES_DEFAULT = '1G'
const COUNT_MAX = 65_536

/** Adds the flags. */
export function withPageStoreFlags<A extends unknown[], O extends OptionValues>(
  command: Command<A, O>,
): Command<A, O & PageStoreFlags> {
  const extended: unknown = command
    .option(
      '--cache-dir <dir>',
      'folder for a cache of frames on a local disk, which survives restarts; made if it does not exist',
    )
    .option('--cache-bytes <size>', `what that cache may come to, from 64M on (default: ${CACHE_BYTES_DEFAULT})`)
    .option('--memory-bytes <size>', 'memory for frames (default: 64M)')
    .option('--write-bytes <size>', 'bytes of writes that are not durable yet; as many more may wait (default: 64M)')
    .option('--reads-max <number>', 'ranged reads of the object store at a time (default: 64)')
    .option('--uploads-max <number>', 'segments that are uploaded at a time (default: 8)')
    .option('--hedge <share>', 'send slow reads a second time: extra reads for each read, at most, such as 0.05 (default: none)')
  // The type that the compiler infers is the same, and too long for a declaration file.
  return extended as Command<A, O & PageStoreFlags>
}

/** Reads the flags. Throws {@link CliError} `USAGE`. */
export function readPageStoreFlags(flags: PageStoreFlags, role: ServerRoles): PageStoreSettings {
  checkRole(flags, role)
  const { cacheDir, cacheBytes, memoryBytes, hedge } = flags
  if (cacheDir === undefined && cacheBytes !== undefined) throw new CliError('USAGE', '--cache-bytes needs --cache-dir')
  const bytesMax = parseBytes(cacheBytes ?? CACHE_BYTES_DEFAULT, '--cache-bytes')
  return {
    limits: limitsOf(flags),
    options: {
      ...(memoryBytes !== undefined && { cacheBytesMax: parseBytes(memoryBytes, '--memory-bytes') }),
      ...(hedge !== undefined && { hedge: { budget: parseShare(hedge, '--hedge') } }),
    },
    frameCache: cacheDir === undefined ? undefined : { directory: cacheDir, bytesMax },
  }
}

/** An option that does nothing must not look as if it did. */
function checkRole(flags: PageStoreFlags, role: ServerRoles): void {
  if (role !== 'meta') return
  const { cacheDir, cacheBytes, memoryBytes, writeBytes, readsMax, uploadsMax, hedge } = flags
  const given = [cacheDir, cacheBytes, memoryBytes, writeBytes, readsMax, uploadsMax, hedge].some((flag) => flag !== undefined)
  if (given) throw new CliError('USAGE', 'a meta store alone has no cache, and no limits of a page store')
}

function limitsOf({ writeBytes, readsMax, uploadsMax }: PageStoreFlags): Partial<PagestoreLimits> {
  const count = (text: string, name: string): number => parseInteger(text, name, { min: 1, max: COUNT_MAX })
  const bytes = writeBytes === undefined ? undefined : parseBytes(writeBytes, '--write-bytes')
  return {
    ...(bytes !== undefined && { writeBytesInFlightMax: bytes, writeBytesWaitingMax: bytes }),
    ...(readsMax !== undefined && { getsInFlightMax: count(readsMax, '--reads-max') }),
    ...(uploadsMax !== undefined && { uploadsInFlightMax: count(uploadsMax, '--uploads-max') }),
  }
}
