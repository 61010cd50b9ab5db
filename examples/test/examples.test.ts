import { afterEach, expect, test, vi } from 'vitest'

const log = vi.spyOn(console, 'log').mockImplementation(() => undefined)
afterEach(() => void log.mockClear())

const lines = (): string[] => log.mock.calls.map((words) => words.map((word) => JSON.stringify(word)).join(' '))

test('quick-start: two clients, one volume, no server', async () => {
  await import('../quick-start.ts')
  expect(lines()).toEqual(['"read    " "hello"', '"changed " [1] "at lsn" 2', '"before  " "hello"', '"after   " "hello, again"'])
})

test('http-handlers: the stores as functions, with authorization', async () => {
  await import('../http-handlers.ts')
  expect(lines()).toEqual(['"page 42 holds" 42', '"a reader that pushes:" "denied DENIED"', '"its commit is kept:" 1'])
})
