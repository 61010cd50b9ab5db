import { type CheckGroup, equal, equalBytes, fails, pattern, type Trial } from './trial.ts'

async function checkRangesOf(trial: Trial, size: number, cuts: readonly number[]): Promise<void> {
  const { store } = trial
  const body = pattern(size, 9)
  const key = `ranges/${size}`
  const { etag } = await store.put(key, body)
  for (const offset of cuts) {
    for (const end of cuts) {
      const length = end - offset
      if (length < 1) continue
      const what = `size=${size} offset=${offset} length=${length}`
      const call = store.get(key, { range: { offset, length } })
      if (offset >= size) {
        await fails(what, call, 'invalid', 'STORE_RANGE')
        continue
      }
      const found = await call
      equalBytes(found?.bytes, body.subarray(offset, Math.min(size, end)), what)
      equal(found?.offset, offset, `${what}, offset`)
      equal(found?.size, size, `${what}, size of the whole`)
      equal(found?.etag, etag, `${what}, etag`)
    }
  }
}

/** Reads of parts, at every edge. */
export const rangeChecks: CheckGroup = {
  name: 'ranges',
  checks: [
    {
      name: 'every part of a small object, and every part that reaches over its end',
      run: async (trial) => {
        for (let size = 0; size <= 5; size++) await checkRangesOf(trial, size, [0, 1, 2, 3, 4, 5, 6, 7])
      },
    },
    {
      name: 'parts that touch the edges of a large object',
      run: async (trial) => {
        const size = 200_001
        await checkRangesOf(trial, size, [0, 1, 65535, 65536, 65537, size - 1, size, size + 1, 2 * size])
      },
    },
    {
      name: 'a length far beyond the end is cut',
      run: async ({ store }) => {
        await store.put('k', pattern(10))
        const range = { offset: 3, length: Number.MAX_SAFE_INTEGER }
        equalBytes((await store.get('k', { range }))?.bytes, pattern(10).subarray(3), 'to the end')
      },
    },
    {
      name: 'what is not a range is refused',
      run: async ({ store }) => {
        await store.put('k', pattern(10))
        const wrong = [
          { offset: 0, length: 0 },
          { offset: 0, length: -1 },
          { offset: -1, length: 1 },
          { offset: 0.5, length: 1 },
          { offset: 0, length: 1.5 },
          { offset: Number.NaN, length: 1 },
          { offset: 0, length: Number.POSITIVE_INFINITY },
          { offset: Number.MAX_SAFE_INTEGER, length: 1 },
        ]
        for (const range of wrong) {
          const what = `offset=${range.offset} length=${range.length}`
          await fails(what, () => store.get('k', { range }), 'invalid', 'STORE_RANGE')
        }
      },
    },
  ],
}
