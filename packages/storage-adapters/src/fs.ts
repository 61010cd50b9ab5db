export { FsStore, type FsStoreOptions } from './fs/fs-store.ts'
