import { registerHooks } from 'node:module'
import { BUGS, type Bug } from './bugs.ts'

/**
 * Makes a mistake in the product: from here on, its file is loaded with it. To be called before the file is loaded.
 *
 * @throws RangeError if there is no such bug, or, when the file is loaded, if the place of the mistake is gone from it.
 */
export function plantBug(name: string): void {
  const bug = BUGS.find((each) => each.name === name)
  if (bug === undefined) throw new RangeError(`no such bug, name=${name}; there are: ${BUGS.map((each) => each.name).join(' ')}`)
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (!url.endsWith(`/packages/${bug.file}`)) return loaded
      const source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source)
      return { ...loaded, source: withBug(source, bug) }
    },
  })
}

/** The source with the mistake. Throws a RangeError if its place is not there exactly once. */
export function withBug(source: string, { name, file, from, to }: Bug): string {
  const parts = source.split(from)
  if (parts.length !== 2) throw new RangeError(`the place of bug ${name} is ${parts.length - 1} times in ${file}: ${from}`)
  return parts.join(to)
}
