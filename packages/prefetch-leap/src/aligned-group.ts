import { checkOption } from './errors.ts'
import type { PrefetcherContext, PrefetcherFactory } from './prefetcher.ts'

const GROUP_PAGES_MAX = 65_536

/** How {@link alignedGroup} cuts a volume. */
export interface AlignedGroupOptions {
  /** Pages of one group, 1 to 65,536: 32 are 128 KiB of 4 KiB pages. */
  readonly pages: number
}

/**
 * Prefetches the rest of the aligned group that a missing page lies in (1 to n, n + 1 to 2n, …), in ascending order.
 *
 * It learns nothing: good where neighbours are read together, wasteful where they are not.
 *
 * @throws {@link PrefetchError} `PREFETCH_OPTIONS`.
 */
export function alignedGroup(options: AlignedGroupOptions): PrefetcherFactory {
  const pages = checkOption('pages', options.pages, { min: 1, max: GROUP_PAGES_MAX })
  return (context) => ({
    onMiss: (pageIndex) => restOfGroup(pageIndex, pages, context),
    onHit: () => undefined,
  })
}

function restOfGroup(pageIndex: number, pages: number, context: PrefetcherContext): number[] {
  const before = pageIndex - 1 - ((pageIndex - 1) % pages)
  const last = Math.min(before + pages, context.lastPage)
  const rest: number[] = []
  for (let candidate = before + 1; candidate <= last; candidate++) {
    if (candidate !== pageIndex && !context.isLocal(candidate)) rest.push(candidate)
  }
  return rest
}
