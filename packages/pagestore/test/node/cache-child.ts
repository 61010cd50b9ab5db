// Writes frames to the cache in the folder that it is given, and says of each when it has been written, until it is killed.
import { openDiskFrameCache } from '../../src/node.ts'
import { frameOf } from './small-cache.ts'

const [directory, name] = process.argv.slice(2) as [string, string]
const cache = await openDiskFrameCache({ directory, bytesMax: 64 * 2 ** 20 })
for (let i = 0; process.connected; i++) {
  // Some in one go, so that the kill falls into writes of many frames.
  const keys = Array.from({ length: 1 + (i % 5) }, (_, j) => `${name} ${i} ${j}`)
  for (const key of keys) cache.write(key, frameOf(key, 1000 + (i % 50) * 400))
  await cache.settled()
  process.send?.(keys)
}
