import { LSN_NONE, type Lsn, PAGE_INDEX_MAX, type PageSize, parseLsn } from '@graft-ts/volume'
import { ProtocolError } from '../errors.ts'
import type { ReadPagesResponse } from '../gen/graft/v1/graft_pb.ts'
import { checkData } from './commits.ts'
import { pageSetFromWire } from './page-sets.ts'
import { checked } from './snapshots.ts'

/** One page of a read answer. */
export interface ReadPage {
  readonly pageIndex: number
  /** The commit that wrote it; 0: nobody did, it is zeros. */
  readonly writtenLsn: Lsn
  /** A view over the answer's bytes; `undefined` for a zero page. */
  readonly bytes: Uint8Array | undefined
}

/** The pages in one group of a read answer, ascending by index. Throws {@link ProtocolError} (I11). */
export function readPagesFromWire(message: ReadPagesResponse, pageSize: PageSize): ReadPage[] {
  const pages = pageSetFromWire(message.pages, { pagesMax: PAGE_INDEX_MAX })
  if (message.writtenLsns.length !== pages.size) {
    throw new ProtocolError(
      'MESSAGE_INVALID',
      `as many LSNs as pages are needed, lsns=${message.writtenLsns.length} pages=${pages.size}`,
    )
  }
  const lsns = checked('pages', () => message.writtenLsns.map(parseLsn))
  checkData(message.data, lsns.filter((lsn) => lsn !== LSN_NONE).length, pageSize)
  let offset = 0
  return Array.from(pages, (pageIndex, i) => {
    const writtenLsn = lsns[i] as Lsn
    if (writtenLsn === LSN_NONE) return { pageIndex, writtenLsn, bytes: undefined }
    offset += pageSize
    return { pageIndex, writtenLsn, bytes: message.data.subarray(offset - pageSize, offset) }
  })
}
