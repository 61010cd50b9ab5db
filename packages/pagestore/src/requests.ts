import { checkData, pageSetFromWire, type ReadPagesRequest, type WritePagesRequest } from '@graft-ts/protocol'
import { SplinterView } from '@graft-ts/splinter'
import { PAGE_INDEX_MAX, parseLsn, parsePageSize, type Run, VolumeError, type VolumeId } from '@graft-ts/volume'
import type { PagestoreLimits } from './limits.ts'
import type { PageRead } from './read/page-reader.ts'

/**
 * Checks a write as a stranger sent it (I11).
 *
 * @returns The run; its data is the message's own bytes.
 * @throws {@link VolumeError} `PAGE_SIZE`, `SET_EMPTY`; `ProtocolError` `SET_INVALID`, `SET_PAGE_ZERO`,
 * `SET_TOO_LARGE`, `DATA_LENGTH`.
 */
export function runFromWire(volumeId: VolumeId, request: WritePagesRequest, limits: PagestoreLimits): Run {
  const pageSize = parsePageSize(request.pageSize)
  const pages = pageSetFromWire(request.pages, { pagesMax: limits.writePagesMax })
  if (pages.size === 0) throw new VolumeError('SET_EMPTY', 'a write needs at least one page')
  // A set holds each page once, so a page that was sent twice shows as data that is too long.
  checkData(request.data, pages.size, pageSize)
  // Encoded once here, in canonical form; the segment's index and the ref then copy these bytes.
  return { volumeId, pageSize, pages: new SplinterView(pages.toBytes(), { trusted: true }), data: request.data }
}

/**
 * Checks a read as a stranger sent it (I11).
 *
 * @throws {@link VolumeError} `LSN_RANGE`; `ProtocolError` `SET_INVALID`, `SET_PAGE_ZERO`; `SET_TOO_LARGE` for the
 * wanted pages only, for the others are cut to what there is room for.
 */
export function readFromWire(volumeId: VolumeId, request: ReadPagesRequest, limits: PagestoreLimits): PageRead {
  const lsn = parseLsn(request.lsn)
  const wanted = pageSetFromWire(request.wanted, { pagesMax: limits.readPagesMax })
  const useful = pageSetFromWire(request.alsoUseful, { pagesMax: PAGE_INDEX_MAX })
  return { volumeId, lsn, wanted, useful }
}
