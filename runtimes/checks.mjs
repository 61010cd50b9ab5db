// Assertions for suites that run where there is no test framework.

/** Compares by value: page sets, bytes and big integers included. */
export function equal(actual, expected, what = 'value') {
  const [told, wanted] = [textOf(actual), textOf(expected)]
  if (told !== wanted) throw new Error(`${what} differs, actual=${told} expected=${wanted}`)
}

/** Fails with what it says. */
export function ok(condition, message) {
  if (!condition) throw new Error(message)
}

/** Waits for a promise to fail with a typed error, and gives `kind code`. */
export async function refusalOf(promise) {
  try {
    await promise
  } catch (error) {
    return error?.kind === undefined ? `untyped: ${error?.stack ?? error}` : `${error.kind} ${error.code}`
  }
  return 'no refusal'
}

function textOf(value) {
  return JSON.stringify(value, (_key, inner) => {
    if (typeof inner === 'bigint') return `${inner}n`
    if (inner === undefined) return 'undefined'
    return ArrayBuffer.isView(inner) ? Array.from(inner) : inner
  })
}
