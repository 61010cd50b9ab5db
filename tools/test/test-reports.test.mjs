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
  testResults: [{ status: 'passed', assertionResults: [{ status: 'passed' }] }],
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
  test('adds them up; pending and todo are skipped', () => {
    assert.deepEqual(count(good, good), { passed: 6, failed: 0, skipped: 6 })
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
  const tests = { name: 'tests', isPassed: true, seconds: 1 }

  test('ends with one line that counts tests, and every other gate as one', () => {
    const gates = [tests, { name: 'lint', isPassed: true, seconds: 2 }, { name: 'types', isPassed: false, seconds: 3 }]
    const { lines, isPassed } = summarize(gates, { passed: 10, failed: 0, skipped: 4 })
    assert.equal(lines.at(-1), '11 passed, 1 failed, 4 skipped')
    assert.equal(isPassed, false)
    assert.equal(lines.filter((line) => line.startsWith('FAIL')).length, 1)
  })

  test('failed tests fail the run, even if every gate passed', () => {
    assert.equal(summarize([tests], { passed: 0, failed: 1, skipped: 0 }).isPassed, false)
    assert.equal(summarize([tests], { passed: 1, failed: 0, skipped: 0 }).isPassed, true)
  })
})
