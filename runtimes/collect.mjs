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

// Many times what any of them needs: a test that hangs must not hide which one it is.
const TEST_MS_MAX = 30_000

/** Runs collected tests one after the other; gives name and failure of each, `failure` absent if it passed. */
export async function runAll(tests) {
  const results = []
  for (const { name, body } of tests) {
    try {
      await withinDeadline(body())
      results.push({ name })
    } catch (error) {
      results.push({ name, failure: String(error?.stack ?? error) })
    }
  }
  return results
}

async function withinDeadline(running) {
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${TEST_MS_MAX} ms`)), TEST_MS_MAX)
  })
  try {
    await Promise.race([running, late])
  } finally {
    clearTimeout(timer)
  }
}
