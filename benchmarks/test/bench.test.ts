import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type BenchOptions, bench } from '../harness/bench.ts'
import type { Measurement, Subject } from '../harness/subject.ts'

const slow: Measurement = {
  case: 'slow, fsync',
  unit: 'ms',
  better: 'less',
  ours: 200,
  baseline: 100,
  baselineName: 'fs',
  target: 0.8,
}
const fast: Measurement = { ...slow, case: 'fast', ours: 10 }

let folder: string
let printed: string[]
let complained: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-ts-bench-test-'))
  printed = []
  complained = []
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function options(args: string[], run: Subject['run'] = () => Promise.resolve([slow, fast])): BenchOptions {
  return {
    args,
    names: ['import', 'pull'],
    load: () => Promise.resolve({ description: 'ours against theirs', run }),
    resultsFolder: join(folder, 'results'),
    out: (text) => void printed.push(text),
    err: (text) => void complained.push(text),
    now: () => new Date(0),
  }
}

describe('a run', () => {
  test('writes its rows with date, processor and Node version', async () => {
    expect(await bench(options(['import']))).toBe(0)
    const written = JSON.parse(readFileSync(join(folder, 'results/import.json'), 'utf8'))
    expect(written.name).toBe('import')
    expect(written.machine).toMatchObject({ date: '1970-01-01T00:00:00.000Z', node: process.version })
    expect(written.machine.processor).toEqual(expect.any(String))
    expect(written.rows).toEqual([
      { case: 'slow, fsync', unit: 'ms', ours: 200, baseline: 100, baselineName: 'fs', ratio: 0.5, target: 0.8 },
      { case: 'fast', unit: 'ms', ours: 10, baseline: 100, baselineName: 'fs', ratio: 10, target: 0.8 },
    ])
  })

  test('marks the rows under their target, and only those', async () => {
    await bench(options(['import']))
    const lines = printed.join('\n').split('\n')
    expect(lines.find((line) => line.includes('slow'))).toContain('< target')
    expect(lines.find((line) => line.includes('fast'))).not.toContain('< target')
    expect(printed.join('\n')).toContain('1 of 2 rows under their target')
  })

  test('hands over an empty folder, and leaves nothing of it behind', async () => {
    let scratch = ''
    await bench(
      options(['import'], (context) => {
        scratch = context.scratch
        expect(existsSync(scratch)).toBe(true)
        return Promise.resolve([fast])
      }),
    )
    expect(scratch).not.toBe('')
    expect(existsSync(scratch)).toBe(false)
  })
})

describe('a wrong call', () => {
  test.each([[[]], [['nonsense']], [['import', 'pull']], [['../import']]])('%j lists the names and gives 2', async (args) => {
    expect(await bench(options(args))).toBe(2)
    expect(complained.join('\n')).toContain('import, pull')
    expect(existsSync(join(folder, 'results'))).toBe(false)
  })

  test('names what does not exist', async () => {
    await bench(options(['nonsense']))
    expect(complained[0]).toBe('no such benchmark: nonsense')
  })
})

describe('a failed run', () => {
  test('gives 1, says why and writes nothing', async () => {
    expect(await bench(options(['import'], () => Promise.reject(new Error('disk on fire'))))).toBe(1)
    expect(complained.join('\n')).toContain('disk on fire')
    expect(existsSync(join(folder, 'results/import.json'))).toBe(false)
  })

  test('is also one that measured nothing', async () => {
    expect(await bench(options(['import'], () => Promise.resolve([])))).toBe(1)
    expect(complained.join('\n')).toContain('measured nothing')
  })
})
