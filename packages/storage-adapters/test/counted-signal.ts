/** A signal that counts who listens to it. */
export function countedSignal(): {
  readonly controller: AbortController
  readonly signal: AbortSignal
  readonly count: () => number
} {
  const controller = new AbortController()
  const { signal } = controller
  let listeners = 0
  const counted = new Proxy(signal, {
    get(target, name) {
      if (name === 'addEventListener') listeners++
      if (name === 'removeEventListener') listeners--
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { controller, signal: counted, count: () => listeners }
}
