import { deflateRawSync } from 'node:zlib'
import { Splinter } from '@graft-ts/splinter'
import { Crc64Nvme } from '@graft-ts/splinter/crc64'
import { FRAME_HEADER_BYTES, type SegmentId, type SegmentRef, storeKeys, type VolumeId, webFrameCodec } from '@graft-ts/volume'
import { describe, expect, test } from 'vitest'
import { type HarnessOptions, noisePage, openHarness, outcomeOf, page, pagesOf, range } from '../harness.ts'
import { ScriptedStore } from '../scripted-store.ts'

// What an attacker can do: write objects of the store, or make a commit with a ref of his own making. What must never
// happen: a page that the volume's writer did not write, or another tenant's data (I11).

const secret = 7777

async function withVictim(options: HarnessOptions = {}) {
  let scripted: ScriptedStore | undefined
  const harness = openHarness({
    ...options,
    wrap: (store) => {
      scripted = new ScriptedStore(store)
      return scripted
    },
  })
  const [mine, theirs] = [harness.newVolume(), harness.newVolume()]
  const [ref, theirRef] = await Promise.all([
    harness.write(mine, pagesOf(range(1, 200), 0, noisePage)),
    harness.write(theirs, pagesOf(range(1, 200), secret, noisePage)),
  ])
  const lsn = await harness.commit(mine, { base: 0, pageCount: 200, refs: [ref] })
  const theirLsn = await harness.commit(theirs, { base: 0, pageCount: 200, refs: [theirRef] })
  return { ...harness, mine, theirs, ref, theirRef, lsn, theirLsn, scripted: scripted as unknown as ScriptedStore }
}

type Victim = Awaited<ReturnType<typeof withVictim>>

/** Overwrites part of the segment that a ref names. */
async function tamper(victim: Victim, ref: SegmentRef, change: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array): Promise<void> {
  const key = storeKeys.segment(ref.segmentId as SegmentId)
  const object = await victim.memory.get(key)
  await victim.memory.put(key, change((object as { bytes: Uint8Array<ArrayBuffer> }).bytes.slice()))
}

/** Commits a ref of the attacker's making to his own volume, and reads through it. */
async function readForged(victim: Victim, volumeId: VolumeId, base: number, ref: SegmentRef, wanted: number): Promise<string> {
  const lsn = await victim.commit(volumeId, { base, pageCount: 200, refs: [ref] })
  return outcomeOf(victim.read(volumeId, lsn, [wanted]))
}

describe('tampered segments (I11)', () => {
  test('a flipped bit anywhere in a frame', async () => {
    const victim = await withVictim()
    const { ref, mine, lsn, read } = victim
    for (const offset of [0, 4, 6, 24, 40, 56, FRAME_HEADER_BYTES, (ref.frames.lengths[0] as number) - 1]) {
      await tamper(victim, ref, (bytes) => {
        bytes[ref.offset + offset] = (bytes[ref.offset + offset] as number) ^ 0x10
        return bytes
      })
      expect(await outcomeOf(read(mine, lsn, [1]))).toMatch(/^corrupt FRAME_/)
      await tamper(victim, ref, (bytes) => {
        bytes[ref.offset + offset] = (bytes[ref.offset + offset] as number) ^ 0x10
        return bytes
      })
    }
    expect(await outcomeOf(read(mine, lsn, [1]))).toBe('ok')
  })

  test('damage to one frame does not touch the others', async () => {
    const victim = await withVictim()
    const { ref, mine, lsn, read } = victim
    await tamper(victim, ref, (bytes) => {
      bytes[ref.offset + 100] = (bytes[ref.offset + 100] as number) ^ 1
      return bytes
    })
    expect(await outcomeOf(read(mine, lsn, [1]))).toBe('corrupt FRAME_CHECKSUM')
    expect(await outcomeOf(read(mine, lsn, [65, 129]))).toBe('ok')
  })

  test('a segment that was cut: within the frame, at its start, before it, to nothing', async () => {
    const victim = await withVictim()
    const { ref, mine, lsn, read } = victim
    const last = ref.frames.lengths.length - 1
    const start = ref.offset + ref.frames.lengths.slice(0, last).reduce((sum, length) => sum + length, 0)
    for (const length of [start + 70, start + 1, start, start - 1, 0]) {
      await tamper(victim, ref, (bytes) => bytes.slice(0, length))
      expect(await outcomeOf(read(mine, lsn, [200]))).toBe('corrupt SEGMENT_TRUNCATED')
    }
  })

  test('frames of the same volume that were swapped', async () => {
    const victim = await withVictim()
    const { ref, mine, lsn, read } = victim
    // Noise: frames 0 and 1 have the same length, so the swap fits exactly.
    const length = ref.frames.lengths[0] as number
    expect(ref.frames.lengths[1]).toBe(length)
    await tamper(victim, ref, (bytes) => {
      const first = bytes.slice(ref.offset, ref.offset + length)
      bytes.copyWithin(ref.offset, ref.offset + length, ref.offset + 2 * length)
      bytes.set(first, ref.offset + length)
      return bytes
    })
    expect(await outcomeOf(read(mine, lsn, [1]))).toBe('corrupt FRAME_CHECKSUM')
    expect(await outcomeOf(read(mine, lsn, [65]))).toBe('corrupt FRAME_CHECKSUM')
  })

  test("another segment's bytes under the key", async () => {
    const victim = await withVictim()
    const { ref, mine, lsn, read, write, memory } = victim
    const other = await write(mine, pagesOf(range(1, 200), 1, noisePage))
    const stolen = await memory.get(storeKeys.segment(other.segmentId as SegmentId))
    await tamper(victim, ref, () => (stolen as { bytes: Uint8Array }).bytes)
    expect(await outcomeOf(read(mine, lsn, [1]))).toMatch(/^corrupt FRAME_/)
  })

  test('a segment that is gone is damage, neither absence nor zeros', async () => {
    const { ref, mine, lsn, read, memory } = await withVictim()
    await memory.delete(storeKeys.segment(ref.segmentId as SegmentId))
    expect(await outcomeOf(read(mine, lsn, [1]))).toBe('corrupt SEGMENT_MISSING')
  })

  test('a damaged reply heals by reading again, and is not remembered', async () => {
    const { mine, lsn, read, scripted, events } = await withVictim()
    let replies = 0
    scripted.onGet = async (forward, key, options) => {
      const found = await forward(key, options)
      replies += 1
      if (replies === 1 && found !== undefined) found.bytes[80] = (found.bytes[80] as number) ^ 1
      return found
    }
    expect(await outcomeOf(read(mine, lsn, [1]))).toBe('ok')
    expect(replies).toBe(2)
    expect(events).toContainEqual(expect.objectContaining({ type: 'frame-rejected', code: 'FRAME_CHECKSUM', isFinal: false }))
  })

  test('a reply that is shorter than the object heals, too', async () => {
    const { mine, lsn, read, scripted } = await withVictim()
    let replies = 0
    scripted.onGet = async (forward, key, options) => {
      const found = await forward(key, options)
      replies += 1
      return replies === 1 && found !== undefined ? { ...found, bytes: found.bytes.slice(0, 10) } : found
    }
    expect(await outcomeOf(read(mine, lsn, [1]))).toBe('ok')
  })
})

describe('forged refs (I11): a commit that names bytes of somebody else', () => {
  test("another volume's run", async () => {
    const victim = await withVictim()
    expect(await readForged(victim, victim.mine, victim.lsn, victim.theirRef, 1)).toBe('corrupt FRAME_FOREIGN')
  })

  test("another volume's frame that is in memory already", async () => {
    const victim = await withVictim()
    const { theirs, theirLsn, read } = victim
    const before = await read(theirs, theirLsn, [1])
    expect(before.get(1)?.bytes).toEqual(noisePage(1000 + secret))
    expect(await readForged(victim, victim.mine, victim.lsn, victim.theirRef, 1)).toBe('corrupt FRAME_FOREIGN')
  })

  test('a frame of the same volume under other page numbers', async () => {
    const victim = await withVictim()
    const { ref } = victim
    const shifted: SegmentRef = { ...ref, pages: Splinter.fromRange(2, 201) }
    expect(await readForged(victim, victim.mine, victim.lsn, { ...shifted, pages: Splinter.fromRange(1, 200) }, 1)).toBe('ok')
    const lsn = await victim.commit(victim.mine, { base: victim.lsn + 1, pageCount: 300, refs: [shifted] })
    expect(await outcomeOf(victim.read(victim.mine, lsn, [2]))).toBe('corrupt FRAME_PAGES')
  })

  test('offsets into the middle of a frame, and beyond the end', async () => {
    const victim = await withVictim()
    const { ref } = victim
    expect(await readForged(victim, victim.mine, victim.lsn, { ...ref, offset: ref.offset + 1 }, 1)).toBe('corrupt FRAME_MAGIC')
    expect(await readForged(victim, victim.mine, victim.lsn + 1, { ...ref, offset: 2 ** 31 }, 1)).toBe(
      'corrupt SEGMENT_TRUNCATED',
    )
  })

  test('lengths that are too short or too long', async () => {
    const victim = await withVictim()
    const { ref } = victim
    const lengths = (change: number) => {
      const forged = ref.frames.lengths.slice()
      forged[0] = (forged[0] as number) + change
      return { ...ref, frames: { ...ref.frames, lengths: forged } }
    }
    expect(await readForged(victim, victim.mine, victim.lsn, lengths(-1), 1)).toBe('corrupt FRAME_TRUNCATED')
    expect(await readForged(victim, victim.mine, victim.lsn + 1, lengths(1), 1)).toBe('corrupt FRAME_TRUNCATED')
  })

  test('a frame table that starts twice at the same frame: the second one is not what it claims to be', async () => {
    const victim = await withVictim()
    const { ref } = victim
    // Offsets come from lengths, so runs overlap by starting early: here frame 1 is said to lie where frame 0 is.
    const forged = {
      ...ref,
      pages: Splinter.fromRange(65, 200),
      frames: { lengths: ref.frames.lengths.slice(0, 3), checksums: ref.frames.checksums.slice(0, 3) },
    }
    const wanted = 65
    expect(await readForged(victim, victim.mine, victim.lsn, forged, wanted)).toBe('corrupt FRAME_PAGES')
    // The true ref to the same bytes is not disturbed by it, nor answered from what it left behind.
    expect((await victim.read(victim.mine, victim.lsn, [1])).get(1)?.bytes).toEqual(noisePage(1000))
  })

  test('a zip bomb: a deflated frame that expands to more than its header says', async () => {
    // The codec of the product: it is what stops expanding.
    const victim = await withVictim({ codec: webFrameCodec })
    const { ref, memory } = victim
    const bomb = deflateRawSync(new Uint8Array(64 * 2 ** 20))
    const key = storeKeys.segment(ref.segmentId as SegmentId)
    const own = (await memory.get(key))?.bytes as Uint8Array<ArrayBuffer>
    const frame = new Uint8Array(FRAME_HEADER_BYTES + bomb.length)
    frame.set(own.subarray(ref.offset, ref.offset + FRAME_HEADER_BYTES))
    frame.set(bomb, FRAME_HEADER_BYTES)
    const view = new DataView(frame.buffer)
    frame[5] = 1
    view.setUint32(20, bomb.length, true)
    const checksum = new Crc64Nvme().update(frame.subarray(0, 56)).update(frame.subarray(FRAME_HEADER_BYTES)).digest()
    view.setBigUint64(56, checksum, true)
    const bytes = new Uint8Array(ref.offset + frame.length)
    bytes.set(own.subarray(0, ref.offset))
    bytes.set(frame, ref.offset)
    await memory.put(key, bytes)
    const [lengths, checksums] = [ref.frames.lengths.slice(), ref.frames.checksums.slice()]
    lengths[0] = frame.length
    checksums[0] = checksum
    const forged = { ...ref, frames: { lengths, checksums } }
    expect(await readForged(victim, victim.mine, victim.lsn, forged, 1)).toBe('corrupt FRAME_CONTENT')
  })

  test('another checksum', async () => {
    const victim = await withVictim()
    const { ref } = victim
    const checksums = ref.frames.checksums.slice()
    checksums[0] = (checksums[0] as bigint) ^ 1n
    const forged = { ...ref, frames: { ...ref.frames, checksums } }
    expect(await readForged(victim, victim.mine, victim.lsn, forged, 1)).toBe('corrupt FRAME_CHECKSUM')
  })

  test('a whole forged frame, header and checksum made to fit, that claims another volume', async () => {
    const victim = await withVictim()
    const { theirRef, ref, memory } = victim
    // The attacker writes a segment of his own that holds the other tenant's frame, with the ids left as they are.
    const stolen = await memory.get(storeKeys.segment(theirRef.segmentId as SegmentId))
    const key = storeKeys.segment(ref.segmentId as SegmentId)
    const own = (await memory.get(key))?.bytes as Uint8Array<ArrayBuffer>
    const frame = (stolen as { bytes: Uint8Array }).bytes.slice(
      theirRef.offset,
      theirRef.offset + (theirRef.frames.lengths[0] as number),
    )
    new DataView(frame.buffer).setBigUint64(
      56,
      new Crc64Nvme().update(frame.subarray(0, 56)).update(frame.subarray(FRAME_HEADER_BYTES)).digest(),
      true,
    )
    const bytes = own.slice()
    bytes.set(frame, ref.offset)
    await memory.put(key, bytes)
    const checksums = ref.frames.checksums.slice()
    checksums[0] = new DataView(frame.buffer).getBigUint64(56, true)
    const forged = { ...ref, frames: { ...ref.frames, checksums } }
    expect(await readForged(victim, victim.mine, victim.lsn, forged, 1)).toBe('corrupt FRAME_FOREIGN')
  })

  test('inline frames of another commit of the same volume', async () => {
    const { commit, read, newVolume, memory } = openHarness()
    const volumeId = newVolume()
    const first = await commit(volumeId, { base: 0, pageCount: 2, inline: new Map([[1, page(1)]]) })
    const second = await commit(volumeId, { base: first, pageCount: 2, inline: new Map([[1, page(2)]]) })
    const [firstKey, secondKey] = [storeKeys.commit(volumeId, first), storeKeys.commit(volumeId, second)]
    const [firstBytes, secondBytes] = [(await memory.get(firstKey))?.bytes, (await memory.get(secondKey))?.bytes]
    // The frames are the last bytes of a commit object, and these two are equally long.
    const swapped = (secondBytes as Uint8Array).slice()
    swapped.set((firstBytes as Uint8Array).slice(-80), swapped.length - 80)
    await memory.put(secondKey, swapped)
    expect(await outcomeOf(read(volumeId, second, [1]))).toMatch(/^corrupt FRAME_/)
    expect((await read(volumeId, first, [1])).get(1)?.bytes).toEqual(page(1))
  })
})
