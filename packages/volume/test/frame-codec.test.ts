import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type SegmentError, webFrameCodec } from '../src/index.ts'
import { outcomeOf } from './outcome.ts'

const text = new TextEncoder().encode('pages of many volumes, '.repeat(400))

describe('webFrameCodec', () => {
  test('expands what it compressed', async () => {
    const stored = await webFrameCodec.deflateRaw(text)
    expect(stored.length).toBeLessThan(text.length / 8)
    expect(await webFrameCodec.inflateRaw(stored, text.length)).toEqual(text)
  })

  test('writes raw DEFLATE that others read, and reads theirs', async () => {
    expect(new Uint8Array(inflateRawSync(await webFrameCodec.deflateRaw(text)))).toEqual(text)
    expect(await webFrameCodec.inflateRaw(new Uint8Array(deflateRawSync(text)), text.length)).toEqual(text)
  })

  test.each([0, 1, text.length - 1, text.length + 1, 2 * text.length])(
    'I11: refuses bytes that expand to another length than %i',
    async (rawBytes) => {
      const stored = await webFrameCodec.deflateRaw(text)
      expect(await outcomeOf(webFrameCodec.inflateRaw(stored, rawBytes))).toBe('corrupt FRAME_CONTENT')
    },
  )

  test('I11: refuses every truncation', async () => {
    const stored = await webFrameCodec.deflateRaw(text)
    for (let length = 0; length < stored.length; length++) {
      expect(await outcomeOf(webFrameCodec.inflateRaw(stored.subarray(0, length), text.length))).toBe('corrupt FRAME_CONTENT')
    }
  })

  test('I11: refuses bytes behind the end of the stream', async () => {
    const stored = new Uint8Array([...(await webFrameCodec.deflateRaw(text)), 0])
    expect(await outcomeOf(webFrameCodec.inflateRaw(stored, text.length))).toBe('corrupt FRAME_CONTENT')
  })

  test('I11: a zip bomb stops soon after the expected length', async () => {
    const bomb = new Uint8Array(deflateRawSync(new Uint8Array(512 * 2 ** 20)))
    expect(bomb.length).toBeLessThan(2 ** 20)
    const before = process.memoryUsage().arrayBuffers
    const error = await webFrameCodec.inflateRaw(bomb, 4096).catch((e: unknown) => e as SegmentError)
    expect(error).toMatchObject({ kind: 'corrupt', code: 'FRAME_CONTENT' })
    // Expanding it whole would take 512 MiB; a few chunks of read-ahead are the stream's own business.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 2 ** 20)
  })

  test('leaves the bytes it was given alone', async () => {
    const raw = text.slice()
    const stored = await webFrameCodec.deflateRaw(raw)
    const copy = stored.slice()
    await webFrameCodec.inflateRaw(stored, raw.length)
    expect(raw).toEqual(text)
    expect(stored).toEqual(copy)
  })
})
