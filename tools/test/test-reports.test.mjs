import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, mock, test } from 'node:test'
import { countReports, summarize } from '../test-reports.mjs'

let folder
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'graft-ts-reports-'))
  mock.method(console, 'error', () => undefined)
})
after(() => rmSync(folder, { recursive: true, force: true }))

const good = {
  success: true,
  numTotalTests: 6,
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 2,
  numTodoTests: 1,
  testResults: [
    {
      status: 'passed',
      assertionResults: [
        { status: 'passed', fullName: 'a works' },
        { status: 'skipped', fullName: 'b needs a server' },
      ],
    },
  ],
}

function count(...reports) {
  const paths = reports.map((report, index) => {
    const path = join(folder, `${index}.json`)
    if (report === undefined) rmSync(path, { force: true })
    else writeFileSync(path, typeof report === 'string' ? report : JSON.stringify(report))
    return path
  })
  return countReports(paths)
}

describe('counting reports', () => {
  test('adds them up; pending and todo are skipped, and named', () => {
    const skips = ['b needs a server', 'b needs a server']
    assert.deepEqual(count(good, good), { passed: 6, failed: 0, skipped: 6, skips })
  })

  test('a report that is missing or unreadable is a failure', () => {
    assert.equal(count(good, undefined).failed, 1)
    assert.equal(count(good, '{"numPassed').failed, 1)
  })

  test('a file that could not be imported is a failure, though no test of it failed', () => {
    const broken = { ...good, success: false, testResults: [...good.testResults, { status: 'failed', assertionResults: [] }] }
    assert.equal(count(broken).failed, 1)
  })

  test('a failed test counts once, not again for its file', () => {
    const failing = {
      ...good,
      success: false,
      numFailedTests: 2,
      testResults: [{ status: 'failed', assertionResults: [{ status: 'failed' }, { status: 'failed' }] }],
    }
    assert.equal(count(failing).failed, 2)
  })

  test('a run that calls itself unsuccessful without saying why is a failure', () => {
    assert.equal(count({ ...good, success: false }).failed, 1)
  })

  test('a suite without tests is a failure', () => {
    const empty = { ...good, numTotalTests: 0, numPassedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] }
    assert.equal(count(empty).failed, 1)
  })
})

describe('the summary', () => {
  const counted = (counts) => ({ name: 'tests', isPassed: counts.failed === 0, seconds: 1, counts: { skips: [], ...counts } })

  test('ends with one line that counts tests, and every other gate as one', () => {
    const gates = [
      counted({ passed: 10, failed: 0, skipped: 4 }),
      { name: 'lint', isPassed: true, seconds: 2 },
      { name: 'types', isPassed: false, seconds: 3 },
      counted({ passed: 5, failed: 1, skipped: 2 }),
    ]
    const { lines, isPassed } = summarize(gates)
    assert.equal(lines.at(-1), '16 passed, 2 failed, 6 skipped')
    assert.equal(isPassed, false)
    assert.equal(lines.filter((line) => line.startsWith('FAIL')).length, 2)
  })

  test('names what was skipped', () => {
    const { lines } = summarize([counted({ passed: 1, failed: 0, skipped: 1, skips: ['a server: there is none here'] })])
    assert.equal(lines.filter((line) => line === 'SKIPPED  a server: there is none here').length, 1)
  })

  test('failed tests fail the run, even if every gate passed', () => {
    assert.equal(summarize([counted({ passed: 0, failed: 1, skipped: 0 })]).isPassed, false)
    assert.equal(summarize([counted({ passed: 1, failed: 0, skipped: 0 })]).isPassed, true)
  })
})
