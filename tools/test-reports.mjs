// Counts what the test runner reported, and prints the summary of a run of all gates.
import { existsSync, readFileSync } from 'node:fs'

/** Counts over JSON reports of vitest, one per package. A report that is missing or unreadable is a failure. */
export function countReports(paths) {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const path of paths) {
    const report = readReport(path)
    if (report === undefined) {
      console.error(`no test report: ${path}`)
      counts.failed++
      continue
    }
    // A file that cannot be imported has no test that could fail.
    const isBroken = (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')
    const failed = report.numFailedTests + report.testResults.filter(isBroken).length
    counts.passed += report.numPassedTests
    counts.skipped += report.numPendingTests + report.numTodoTests
    counts.failed += failed > 0 || report.success ? failed : 1
    if (report.numTotalTests === 0) counts.failed++
  }
  return counts
}

function readReport(path) {
  if (!existsSync(path)) return undefined
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/**
 * The table of gates, then the closing line.
 *
 * @param results One per gate; the first are the tests, which `tests` counts.
 */
export function summarize(results, tests) {
  const width = Math.max(...results.map(({ name }) => name.length))
  const rows = results.map(({ name, isPassed, seconds }) => {
    return `${isPassed ? 'pass' : 'FAIL'}  ${name.padEnd(width)}  ${seconds.toFixed(1).padStart(7)} s`
  })
  const others = results.slice(1)
  const passed = tests.passed + others.filter(({ isPassed }) => isPassed).length
  const failed = tests.failed + others.filter(({ isPassed }) => !isPassed).length
  return { lines: [...rows, '', `${passed} passed, ${failed} failed, ${tests.skipped} skipped`], isPassed: failed === 0 }
}
