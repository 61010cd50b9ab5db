/** A function that may be running. */
interface Scope {
  isRunning: boolean
}

/** What is used of the runtime's way to follow a call through everything that it awaits. */
interface AsyncContext {
  run<T>(scope: Scope, run: () => T): T
  getStore(): Scope | undefined
}

/**
 * Tells whether a call comes from within a function that is running.
 *
 * Where the runtime can follow a call through what it awaits (Node, Deno, Bun, and Workers with Node's API) always; elsewhere,
 * which is in browsers, up to the function's first `await`.
 */
export class Nesting {
  readonly #context: AsyncContext | undefined
  #isInSynchronousPart = false

  constructor(context: AsyncContext | undefined = runtimeContext()) {
    this.#context = context
  }

  /** Whether the caller is such a function, or was called by one that still runs. */
  get isInside(): boolean {
    return this.#isInSynchronousPart || this.#context?.getStore()?.isRunning === true
  }

  /** Runs a function, and knows it until it has ended. */
  async run<T>(run: () => Promise<T> | T): Promise<T> {
    // What it leaves behind, timers say, is in its context too, but no longer in the function.
    const scope: Scope = { isRunning: true }
    const marked = (): Promise<T> | T => {
      const before = this.#isInSynchronousPart
      this.#isInSynchronousPart = true
      try {
        return run()
      } finally {
        this.#isInSynchronousPart = before
      }
    }
    try {
      return await (this.#context === undefined ? marked() : this.#context.run(scope, marked))
    } finally {
      scope.isRunning = false
    }
  }
}

interface RuntimeProcess {
  readonly getBuiltinModule?: (name: string) => { readonly AsyncLocalStorage?: new () => AsyncContext } | undefined
}

function runtimeContext(): AsyncContext | undefined {
  const { process } = globalThis as { readonly process?: RuntimeProcess }
  const { AsyncLocalStorage } = process?.getBuiltinModule?.('async_hooks') ?? {}
  return AsyncLocalStorage === undefined ? undefined : new AsyncLocalStorage()
}
