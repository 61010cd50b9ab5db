import { expect, test, vi } from 'vitest'

test('the example of the README runs', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../examples/write-and-read.ts')
  // Page 3 was never written; page 70 was, by commit 1.
  expect(log.mock.calls).toEqual([
    [3, 0, undefined],
    [70, 1, 7],
  ])
  log.mockRestore()
})

test('the example of a disk cache runs', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
  await import('../examples/disk-cache.ts')
  expect(log.mock.calls).toEqual([[0, 0]])
  log.mockRestore()
})
