import { webFrameCodec } from '@graft-ts/volume'
import { createNodeFrameCodec } from '@graft-ts/volume/node'
import { describe, expect, test } from 'vitest'
import { createPagestore } from '../../src/index.ts'
import { openHarness, outcomeOf, pagesOf, range } from '../harness.ts'

describe('codecs', () => {
  test.each([
    ['raw', 0],
    ['deflate-raw', 1],
    ['zstd', 2],
  ] as const)('%s: frames are written in it, and read back', async (format, codecByte) => {
    const { write, read, commit, newVolume, memory } = openHarness({ codec: createNodeFrameCodec({ format }) })
    const volumeId = newVolume()
    const pages = pagesOf(range(1, 100))
    const ref = await write(volumeId, pages)
    const stored = await memory.get(`segments/${ref.segmentId}`)
    expect(stored?.bytes[5]).toBe(codecByte)
    const lsn = await commit(volumeId, { base: 0, pageCount: 100, refs: [ref] })
    for (const [index, { bytes }] of await read(volumeId, lsn, range(1, 100))) expect(bytes).toEqual(pages.get(index))
  })

  test('I8: a page store without zstd says so, and gives no page', async () => {
    const writer = openHarness({ codec: createNodeFrameCodec({ format: 'zstd' }) })
    const volumeId = writer.newVolume()
    const ref = await writer.write(volumeId, pagesOf([1, 2]))
    // The streams of Node have no zstd.
    const reader = openHarness({ codec: webFrameCodec, wrap: () => writer.memory })
    const lsn = await reader.commit(volumeId, { base: 0, pageCount: 2, refs: [ref] })
    expect(await outcomeOf(reader.read(volumeId, lsn, [1]))).toBe('unsupported FRAME_CODEC')
  })

  test('a runtime that cannot write what is asked for is told so before there is a page store', () => {
    expect(() => createPagestore({ codec: createNodeFrameCodec({ format: 'brotli' as never }) } as never)).toThrow(
      expect.objectContaining({ kind: 'unsupported', code: 'CODEC_UNSUPPORTED' }),
    )
  })
})
