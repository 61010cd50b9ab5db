import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { FsStore } from '../../src/fs.ts'
import { listAll } from '../../src/object-store.ts'
import { tempFolder } from './temp-folder.ts'

const RACER = fileURLToPath(new URL('./racer.ts', import.meta.url))

interface Racer {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  readonly lines: string[]
  /** Resolves when the process is over and all its lines are read. */
  readonly ended: Promise<void>
}

function startRacer(args: readonly string[], onLine: (line: string, racer: Racer) => void = () => undefined): Racer {
  const child = spawn(process.execPath, [RACER, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  const reader = createInterface({ input: child.stdout })
  const ended = Promise.all([once(child, 'exit'), once(reader, 'close')]).then(() => undefined)
  const racer = { child, lines, ended }
  reader.on('line', (line) => {
    lines.push(line)
    onLine(line, racer)
  })
  return racer
}

async function raceProcesses(mode: string, folder: string, rounds: number): Promise<Racer[]> {
  const racers = ['a', 'b'].map((writer) => startRacer([mode, folder, writer, String(rounds)]))
  for (const { child } of racers) child.stdin.end('go\n')
  await Promise.all(racers.map(({ ended }) => ended))
  for (const { child } of racers) expect(child.exitCode).toBe(0)
  return racers
}

test('I2: of two processes exactly one creates each object', async () => {
  const folder = await tempFolder()
  const rounds = 150
  const racers = await raceProcesses('create', folder, rounds)
  const store = await FsStore.open(folder)
  for (let round = 0; round < rounds; round++) {
    const winners = racers.flatMap(({ lines }, index) => (lines.includes(`won ${round}`) ? ['ab'[index]] : []))
    expect(winners.length, `winners of ${round}`).toBe(1)
    const text = new TextDecoder().decode((await store.get(`created/${round}`))?.bytes)
    expect(text === winners[0]?.repeat(1000), `bytes of ${round}`).toBe(true)
  }
  await store.close()
  expect(await readdir(join(folder, '%staging'))).toEqual([])
})

test('swaps of two processes lose no count', async () => {
  const folder = await tempFolder()
  const store = await FsStore.open(folder)
  await store.put('counter', new TextEncoder().encode('0'))
  const rounds = 100
  await raceProcesses('count', folder, rounds)
  expect(new TextDecoder().decode((await store.get('counter'))?.bytes)).toBe(String(2 * rounds))
  await store.close()
  expect(await readdir(join(folder, '%staging'))).toEqual([])
})

test('I3: kill -9 loses nothing that was acknowledged and leaves nothing behind', async () => {
  for (const kills of [1, 2, 5, 9, 14, 20]) {
    const folder = await tempFolder()
    // Killed as soon as so many writes were acknowledged: somewhere inside the next.
    const racer = startRacer(['write', folder, 'w', '0'], (_, self) => {
      if (self.lines.length === kills) self.child.kill('SIGKILL')
    })
    racer.child.stdin.write('go\n')
    await racer.ended
    expect(racer.child.signalCode).toBe('SIGKILL')
    const last = racer.lines.length - 1
    expect(racer.lines.at(-1)).toBe(`wrote ${last}`)
    const store = await FsStore.open(folder)
    const isUniform = (bytes: Uint8Array | undefined): boolean =>
      bytes?.byteLength === 50_000 && bytes.every((byte) => byte === bytes[0])
    for (let number = 0; number <= last; number++) {
      const found = await store.get(`log/${number}`)
      if (number > 0 && number <= last - 3) expect(found, `deleted ${number}`).toBeUndefined()
      // The deletion of the oldest of these may have been under way.
      else if (number !== last - 2 || found !== undefined) expect(found?.bytes[0], `object ${number}`).toBe(number % 251)
    }
    for await (const bytes of wholeObjects(store)) expect(isUniform(bytes)).toBe(true)
    expect((await store.get('head'))?.bytes[0]).toBeGreaterThanOrEqual(last)
    await store.put('head', new Uint8Array(1))
    await store.close()
    expect(await readdir(join(folder, '%staging'))).toEqual([])
  }
})

test('I2, I3: processes that share a folder and are killed in turn lose nothing and block nobody', async () => {
  const folder = await tempFolder()
  const store = await FsStore.open(folder)
  await store.put('numbers', new TextEncoder().encode('[0,0,0]'))
  // Each of three places has one process after the other; each is killed after so many acknowledged writes.
  const kills = [
    [3, 12, 7, 20],
    [9, 1, 16, 5],
    [14, 8, 2, 11],
  ]
  const places = await Promise.all(
    kills.map(async (counts, place) => {
      const lines: string[] = []
      for (const count of counts) {
        const racer = startRacer(['share', folder, String(place), '0'], (_, self) => {
          if (self.lines.length === count) self.child.kill('SIGKILL')
        })
        racer.child.stdin.write('go\n')
        await racer.ended
        expect(racer.child.signalCode).toBe('SIGKILL')
        lines.push(...racer.lines)
      }
      return lines
    }),
  )
  const log: string[] = []
  for await (const { key } of listAll(store, { prefix: 'log/' })) {
    const text = new TextDecoder().decode((await store.get(key))?.bytes)
    expect(text.length, key).toBe(20_000)
    log[Number(key.slice('log/'.length))] = text.replace(/[ .]+$/, '')
  }
  expect(Object.keys(log).length, 'no gaps').toBe(log.length)
  expect(new Set(log).size, 'no record twice').toBe(log.length)
  const numbers = JSON.parse(new TextDecoder().decode((await store.get('numbers'))?.bytes)) as number[]
  for (const [place, lines] of places.entries()) {
    for (const [, position, record] of lines.flatMap((line) => [/^appended (\d+) (.*)$/.exec(line) ?? []])) {
      if (position !== undefined) expect(log[Number(position)], 'an acknowledged record').toBe(record)
    }
    const counted = lines.flatMap((line) => (line.startsWith('counted ') ? [Number(line.slice('counted '.length))] : []))
    expect(
      counted.every((count, index) => count > (counted[index - 1] ?? 0)),
      'no number goes back',
    ).toBe(true)
    expect(numbers[place], 'the last acknowledged number').toBeGreaterThanOrEqual(counted.at(-1) ?? 0)
    // Beside the acknowledged ones, each kill may have hit one that was done.
    expect(numbers[place]).toBeLessThanOrEqual(counted.length + (kills[place] ?? []).length)
  }
  await store.put('flicker', new Uint8Array(1))
  await store.close()
  await (await FsStore.open(folder)).close()
  expect(await readdir(join(folder, '%staging'))).toEqual([])
})

async function* wholeObjects(store: FsStore): AsyncGenerator<Uint8Array | undefined> {
  for (const { key } of (await store.list({ prefix: '' })).entries) yield (await store.get(key))?.bytes
}
