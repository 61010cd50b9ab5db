// Runs a suite where there is no test framework: collects what it registers, runs it in order, and tells how each went.

/** What `testObjectStore` needs, and the tests that it registers. */
export function collecting() {
  const tests = []
  const groups = []
  const runner = {
    describe(name, body) {
      groups.push(name)
      body()
      groups.pop()
    },
    test(name, body) {
      tests.push({ name: [...groups, name].join(' > '), body })
    },
  }
  return { runner, tests }
}

/** Runs collected tests one after the other; gives name and failure of each, `failure` absent if it passed. */
export async function runAll(tests) {
  const results = []
  for (const { name, body } of tests) {
    try {
      await body()
      results.push({ name })
    } catch (error) {
      results.push({ name, failure: String(error?.stack ?? error) })
    }
  }
  return results
}
