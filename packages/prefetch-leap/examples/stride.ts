import { alignedGroup, leap, noPrefetch } from '@graft-ts/prefetch-leap'

// Every third page of a volume of 3,000 pages, through a cache that forgets nothing.
for (const [name, factory] of Object.entries({ leap: leap(), group: alignedGroup({ pages: 32 }), none: noPrefetch })) {
  const cache = new Set<number>()
  const prefetcher = factory({ lastPage: 3000, isLocal: (pageIndex) => cache.has(pageIndex) })
  let fetches = 0
  for (let pageIndex = 1; pageIndex <= 3000; pageIndex += 3) {
    if (cache.has(pageIndex)) {
      prefetcher.onHit(pageIndex)
      continue
    }
    for (const fetched of [pageIndex, ...prefetcher.onMiss(pageIndex)]) cache.add(fetched)
    fetches += 1
  }
  console.log(`${name}: ${fetches} fetches, ${cache.size} pages for 1000`)
}
