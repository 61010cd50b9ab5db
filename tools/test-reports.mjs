// Counts what the test runner reported, and prints the summary of a run of all gates.
import { existsSync, readFileSync } from 'node:fs'

const SKIPPED = new Set(['pending', 'skipped', 'todo', 'disabled'])

/** Counts over JSON reports of vitest, one per package. A report that is missing or unreadable is a failure. `skips` are the names. */
export function countReports(paths) {
  const counts = { passed: 0, failed: 0, skipped: 0, skips: [] }
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
    const tests = report.testResults.flatMap((file) => file.assertionResults)
    counts.skips.push(...tests.filter(({ status }) => SKIPPED.has(status)).map(({ fullName }) => fullName))
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
 * The table of gates, what was skipped, then the closing line.
 *
 * @param results One per gate; those that ran tests have `counts` of them, the others count as one.
 */
export function summarize(results) {
  const width = Math.max(...results.map(({ name }) => name.length))
  const rows = results.map(({ name, isPassed, seconds }) => {
    return `${isPassed ? 'pass' : 'FAIL'}  ${name.padEnd(width)}  ${seconds.toFixed(1).padStart(7)} s`
  })
  const skips = results.flatMap(({ counts }) => counts?.skips ?? []).map((name) => `SKIPPED  ${name}`)
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const { isPassed, counts = { passed: Number(isPassed), failed: Number(!isPassed), skipped: 0 } } of results) {
    for (const name of Object.keys(total)) total[name] += counts[name]
  }
  const { passed, failed, skipped } = total
  const closing = `${passed} passed, ${failed} failed, ${skipped} skipped`
  return { lines: [...rows, ...skips, '', closing], isPassed: failed === 0 }
}
