import { type VolumeAdvance, watchEventFromWire, watchRequestToWire } from '@graft-ts/protocol'
import type { Lsn, VolumeId } from '@graft-ts/volume'
import { settle } from '../clock.ts'
import type { Node } from '../harness.ts'

type Told = readonly [VolumeId, number] | 'beat'

/** A client that watches, and reads as fast as it can. */
export class TestWatch {
  readonly told: Told[] = []
  error: unknown
  isOver = false
  readonly #controller = new AbortController()

  constructor(node: Node, volumes: Iterable<readonly [VolumeId, number]>, headers: Record<string, string> = {}) {
    const request = watchRequestToWire(Array.from(volumes, ([volumeId, lsn]) => [volumeId, lsn as Lsn] as const))
    void this.#read(node, request, headers)
  }

  /** What was told of volumes, without heartbeats. */
  get advances(): (readonly [VolumeId, number])[] {
    return this.told.filter((told) => told !== 'beat')
  }

  get beats(): number {
    return this.told.length - this.advances.length
  }

  async leave(): Promise<void> {
    this.#controller.abort()
    await settle()
  }

  async #read(node: Node, request: ReturnType<typeof watchRequestToWire>, headers: Record<string, string>): Promise<void> {
    try {
      for await (const event of node.client.watch(request, { signal: this.#controller.signal, headers })) {
        this.told.push(toldOf(watchEventFromWire(event)))
      }
    } catch (error) {
      this.error = error
    }
    this.isOver = true
  }
}

const toldOf = (advance: VolumeAdvance | undefined): Told => (advance === undefined ? 'beat' : [advance.volumeId, advance.lsn])

/** Begins a watch and lets it stand. */
export async function watch(
  node: Node,
  volumes: Iterable<readonly [VolumeId, number]>,
  headers: Record<string, string> = {},
): Promise<TestWatch> {
  const watching = new TestWatch(node, volumes, headers)
  await settle()
  return watching
}
