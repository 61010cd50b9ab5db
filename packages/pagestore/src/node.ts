export { type DiskFrameCache, type DiskFrameCacheOptions, openDiskFrameCache } from './node/disk-frame-cache.ts'
