import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { createClient } from '@connectrpc/connect'
import {
  commitProposalToWire,
  httpTransport,
  MetaService,
  PageService,
  ReadPagesRequestSchema,
  ReadPagesResponseSchema,
  readPagesFromWire,
  type SignedSegmentRef,
  WritePagesRequestSchema,
  WritePagesResponseSchema,
} from '@graft-ts/protocol'
import { Splinter } from '@graft-ts/splinter'
import {
  idToBytes,
  LSN_NONE,
  type Lsn,
  newClientId,
  newCommitId,
  newVolumeId,
  parsePageSize,
  systemIdSource,
  type VolumeId,
} from '@graft-ts/volume'
import type { Load, ReadyRequest } from './load.ts'
import { PAGE_BYTES, type PageSource, REQUEST_PAGES } from './pages.ts'

const ENVELOPE_BYTES = 5
const ENVELOPE_LENGTH_OFFSET = 1
const END_OF_STREAM = 2
const pageSize = parsePageSize(PAGE_BYTES)

/** A new volume's id. */
export const newVolume = (): VolumeId => newVolumeId(systemIdSource)

/** The pages of request `i` of a volume: consecutive ones. */
const pagesOf = (i: number): Splinter => Splinter.fromRange(1 + i * REQUEST_PAGES, (i + 1) * REQUEST_PAGES)

/** Writes the pages of request `i`, with the data of any other. */
export function writeRequest(volumeId: VolumeId, i: number, data: Uint8Array): ReadyRequest {
  const message = { volumeId: idToBytes(volumeId), pageSize: PAGE_BYTES, pages: pagesOf(i).toBytes(), data }
  const body = toBinary(WritePagesRequestSchema, create(WritePagesRequestSchema, message))
  const path = `/${PageService.typeName}/${PageService.method.writePages.name}`
  return { path, headers: { 'content-type': 'application/proto' }, body }
}

function readRequest(volumeId: VolumeId, lsn: Lsn, i: number): ReadyRequest {
  const message = { volumeId: idToBytes(volumeId), lsn: BigInt(lsn), wanted: pagesOf(i).toBytes() }
  const content = toBinary(ReadPagesRequestSchema, create(ReadPagesRequestSchema, message))
  const body = new Uint8Array(ENVELOPE_BYTES + content.length)
  new DataView(body.buffer).setUint32(ENVELOPE_LENGTH_OFFSET, content.length)
  body.set(content, ENVELOPE_BYTES)
  const path = `/${PageService.typeName}/${PageService.method.readPages.name}`
  return { path, headers: { 'content-type': 'application/connect+proto' }, body }
}

/** Writes a volume, commits it, and gives the requests that read it back, each with its answer, which has been checked. */
export async function writeVolume(
  port: number,
  load: Load,
  requests: number,
  source: PageSource,
): Promise<{ readonly ready: ReadyRequest; readonly answer: Uint8Array }[]> {
  const volumeId = newVolume()
  const refs: SignedSegmentRef[] = []
  for (let i = 0; i < requests; i++) {
    const answer = await load.send(writeRequest(volumeId, i, source.dataOf(i)))
    refs.push(...fromBinary(WritePagesResponseSchema, answer).refs)
  }
  const client = createClient(MetaService, httpTransport({ baseUrl: `http://127.0.0.1:${port}` }).meta)
  const pageCount = requests * REQUEST_PAGES
  const names = { volumeId, baseLsn: LSN_NONE, commitId: newCommitId(systemIdSource), clientId: newClientId(systemIdSource) }
  const own = Splinter.fromRange(1, pageCount)
  const proposal = { ...names, pageSize, pageCount, floor: undefined, own, refs, inline: undefined }
  const { outcome } = await client.commit(commitProposalToWire(proposal))
  if (outcome.case !== 'committed') throw new Error('the commit of a new volume was not accepted')
  const reads: { ready: ReadyRequest; answer: Uint8Array }[] = []
  for (let i = 0; i < requests; i++) {
    const ready = readRequest(volumeId, 1 as Lsn, i)
    const answer = await load.send(ready)
    checkAnswer(answer, i, source.dataOf(i))
    reads.push({ ready: { ...ready, answerBytes: answer.length }, answer })
  }
  return reads
}

/** That an answer holds exactly the pages that were written. */
function checkAnswer(answer: Uint8Array, i: number, data: Uint8Array): void {
  const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength)
  let pages = 0
  for (let offset = 0; offset < answer.length; ) {
    const length = view.getUint32(offset + ENVELOPE_LENGTH_OFFSET)
    const content = answer.subarray(offset + ENVELOPE_BYTES, offset + ENVELOPE_BYTES + length)
    const isEnd = (view.getUint8(offset) & END_OF_STREAM) !== 0
    offset += ENVELOPE_BYTES + length
    if (isEnd) continue
    for (const page of readPagesFromWire(fromBinary(ReadPagesResponseSchema, content), pageSize)) {
      const position = page.pageIndex - 1 - i * REQUEST_PAGES
      const expected = data.subarray(position * PAGE_BYTES, (position + 1) * PAGE_BYTES)
      if (page.bytes === undefined || Buffer.compare(page.bytes, expected) !== 0) throw new Error('a page came back changed')
      pages++
    }
  }
  if (pages !== REQUEST_PAGES) throw new Error(`an answer of ${pages} pages`)
}
