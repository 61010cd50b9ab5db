import { ClientError } from './errors.ts'

/** The names of all options of a call: each exactly once, or it does not compile. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>

/**
 * Refuses options that a call does not have, and a `signal` that is none, such as the controller of one: whoever gives one
 * believes that it does something.
 *
 * @throws {@link ClientError} `CLIENT_OPTIONS`.
 */
export function checkNames<Options extends object>(call: string, options: Options, names: OptionNames<Options>): Options {
  if (typeof options !== 'object' || options === null)
    throw new ClientError('CLIENT_OPTIONS', `options must be an object, call=${call}`)
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(names, name))
      throw new ClientError('CLIENT_OPTIONS', `there is no such option, call=${call} option=${name}`)
  }
  const { signal } = options as { readonly signal?: { readonly aborted?: unknown } | null }
  if (signal !== undefined && typeof signal?.aborted !== 'boolean')
    throw new ClientError('CLIENT_OPTIONS', `must be an AbortSignal, call=${call} option=signal`)
  return options
}

/** An option that is an object or function with certain methods. Throws {@link ClientError} `CLIENT_OPTIONS`. */
export function checkMethods<T>(name: string, value: T, ...methods: string[]): T {
  const isWhole = methods.every((method) => typeof (value as Record<string, unknown> | null | undefined)?.[method] === 'function')
  if (isWhole) return value
  throw new ClientError('CLIENT_OPTIONS', `lacks what is needed, ${name} methods=${methods.join(',')}`)
}

/** An option that is a function, if it is given. Throws {@link ClientError} `CLIENT_OPTIONS`. */
export function checkFunction<T>(name: string, value: T): T {
  if (value === undefined || typeof value === 'function') return value
  throw new ClientError('CLIENT_OPTIONS', `must be a function, ${name}`)
}
