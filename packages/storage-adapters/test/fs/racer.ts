// A process of its own that writes to a folder as its arguments say, and reports by lines on its standard output.
import process from 'node:process'
import { isStoreError } from '../../src/errors.ts'
import { FsStore } from '../../src/fs.ts'

const [mode, folder, writer, rounds] = process.argv.slice(2) as [string, string, string, string]

const store = await FsStore.open(folder)
// Both sides start together, when the parent says so.
await new Promise((resolve) => process.stdin.once('data', resolve))

function isConflict(error: unknown): boolean {
  return isStoreError(error) && error.kind === 'conflict'
}

async function createAll(): Promise<void> {
  for (let round = 0; round < Number(rounds); round++) {
    try {
      await store.create(`created/${round}`, new TextEncoder().encode(writer.repeat(1000)))
      console.log(`won ${round}`)
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }
}

async function countUp(): Promise<void> {
  for (let round = 0; round < Number(rounds); ) {
    const found = await store.get('counter')
    if (found === undefined) throw new Error('the counter is gone')
    const count = Number(new TextDecoder().decode(found.bytes)) + 1
    try {
      await store.compareAndSwap('counter', new TextEncoder().encode(String(count)), { etag: found.etag })
      round++
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }
}

/** Writes numbered objects for ever and tells each that was acknowledged; the parent ends this process. */
async function writeForEver(): Promise<void> {
  for (let number = 0; ; number++) {
    const body = new Uint8Array(50_000).fill(number % 251)
    await store.create(`log/${number}`, body)
    await store.put('head', body)
    if (number > 3) await store.delete(`log/${number - 3}`)
    console.log(`wrote ${number}`)
  }
}

/**
 * Works on what others work on too, for ever: appends to a shared log, counts up its own number in a shared object, and lets
 * an object come and go. Tells what was acknowledged; the parent ends this process at any point.
 */
async function shareForEver(): Promise<void> {
  for (let turn = 0; ; turn++) {
    const id = `${writer} ${process.pid} ${turn}`
    const record = `${id} `.padEnd(20_000, '.')
    console.log(`appended ${await append(record)} ${id}`)
    console.log(`counted ${await addOne()}`)
    await store.put('flicker', new TextEncoder().encode(record))
    await store.delete('flicker')
  }
}

let position = 0

async function append(record: string): Promise<number> {
  for (; ; position++) {
    try {
      await store.create(`log/${position}`, new TextEncoder().encode(record))
      return position
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }
}

async function addOne(): Promise<number> {
  for (;;) {
    const found = await store.get('numbers')
    if (found === undefined) throw new Error('the numbers are gone')
    const numbers = JSON.parse(new TextDecoder().decode(found.bytes)) as number[]
    const own = (numbers[Number(writer)] ?? 0) + 1
    numbers[Number(writer)] = own
    try {
      await store.compareAndSwap('numbers', new TextEncoder().encode(JSON.stringify(numbers)), { etag: found.etag })
      return own
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }
}

if (mode === 'create') await createAll()
else if (mode === 'share') await shareForEver()
else if (mode === 'count') await countUp()
else await writeForEver()
await store.close()
process.stdin.destroy()
