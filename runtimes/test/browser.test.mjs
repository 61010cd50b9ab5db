// The client in a browser: IndexedDB, tabs, crashes, quotas, and a network that comes and goes.
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findChromium, servePages, startChromium } from '../browsers.mjs'
import { startHost } from '../processes.mjs'
import { newSettings } from '../settings.mjs'
import { SUITES } from '../suites/portable.mjs'
import { testResults, testSkipped } from './results.mjs'

// All tests of the portable suites but those of what a page cannot do.
const TESTS = 29
const LARGE_PAGES = 60

const { program, missing } = await findChromium()
if (missing !== undefined) {
  console.error(`\nSKIPPED, Chromium: ${missing}`)
  testSkipped('the client in Chromium', missing)
} else await testChromium()

async function testChromium() {
  const pages = await servePages()
  const { server: servers, caller } = await newSettings()
  const host = await startHost('node', { server: { ...servers, origins: [pages.origin] } })
  const server = { baseUrl: host.baseUrl, caller }
  afterAll(async () => {
    await host.stop()
    await pages.stop()
  })

  describe('stores asked from Chromium', async () => {
    const browser = await startChromium(program, pages.origin)
    try {
      testResults(await (await browser.tab()).call('suites', { names: SUITES, server }), TESTS)
    } finally {
      await browser.stop()
    }
  })

  describe('a client over IndexedDB', () => {
    let browser
    beforeEach(async () => {
      browser = await startChromium(program, pages.origin)
    })
    afterEach(() => browser.stop())
    testTabs(server, () => browser)
    testSpace(server, () => browser, pages.origin)
    testNetwork(server, () => browser)
  })
}

/** A tab with an open client, which uses a volume or makes one. */
async function working(browser, server, { volumeId, ...options } = {}) {
  const tab = await browser.tab()
  await tab.call('open', { server, ...options })
  const id = volumeId === undefined ? await tab.call('create') : await tab.call('use', volumeId).then(() => volumeId)
  return { tab, volumeId: id }
}

function testTabs(server, browser) {
  test('I12: what was committed and pushed is there after the client was closed, and needs no server', async () => {
    const { tab, volumeId } = await working(browser(), server)
    await tab.call('commit', {})
    expect(await tab.call('push')).toBe(1)
    await tab.call('commit', { from: 2, count: LARGE_PAGES })
    expect(await tab.call('push')).toBe(2)
    await tab.call('commit', { from: 1, fill: 100 })
    await tab.call('close')
    await tab.close()

    const nobody = { ...server, baseUrl: 'http://127.0.0.1:1' }
    const { tab: alone } = await working(browser(), nobody, { volumeId })
    expect(await alone.call('read', { count: LARGE_PAGES + 1 })).toEqual([101, ...range(2, LARGE_PAGES)])
    expect(await alone.call('status')).toMatchObject({ sync: 'ahead', lsn: 2, pendingCommits: 1 })
    expect(await alone.refusal('push')).toMatch(/^(unavailable|unknown) /)
    await alone.call('close')

    const { tab: again } = await working(browser(), server, { volumeId })
    expect(await again.call('push')).toBe(3)
    const elsewhere = await working(browser(), server, { volumeId, name: 'elsewhere' })
    expect(await elsewhere.tab.call('read', { count: 3 })).toEqual([101, 2, 3])
  })

  test('has one owner: another tab is told so, and takes over when the first one has closed it', async () => {
    const { tab: first, volumeId } = await working(browser(), server)
    await first.call('commit', {})
    const second = await browser().tab()
    expect(await second.refusal('open', { server })).toBe('conflict LOCAL_STORE_LOCKED')
    expect(await first.call('read', {}), 'the owner is not disturbed').toEqual([1])
    expect(await second.refusal('open', { server, name: 'other' })).toBeUndefined()
    await first.call('close')
    const third = await browser().tab()
    await third.call('open', { server })
    await third.call('use', volumeId)
    expect(await third.call('read', {})).toEqual([1])
  })

  for (const end of ['close', 'crash', 'reload']) {
    test(`I12: another tab takes over after a ${end} of the first, with all that was committed`, async () => {
      const { tab: first, volumeId } = await working(browser(), server)
      for (let fill = 0; fill < 3; fill++) await first.call('commit', { from: fill + 1 })
      await first[end]()
      const { tab: second } = await working(browser(), server, { volumeId })
      expect(await second.call('status')).toMatchObject({ pendingCommits: 3 })
      expect(await second.call('read', { count: 3 })).toEqual([1, 2, 3])
      expect(await second.call('push')).toBe(1)
    })
  }

  test('I12: what was committed survives a crash of the browser', async () => {
    const { tab, volumeId } = await working(browser(), server)
    await tab.call('commit', { count: 10 })
    await browser().restart()
    const { tab: again } = await working(browser(), server, { volumeId })
    expect(await again.call('read', { count: 10 })).toEqual(range(1, 10))
    expect(await again.call('push')).toBe(1)
  })

  test('a transaction that waits for a push of its own is told, where the browser can tell', async () => {
    const { tab } = await working(browser(), server)
    expect(await tab.call('pushInside', { afterAwait: false })).toBe('invalid CALL_IN_TRANSACTION')
  })
}

function testSpace(server, browser, origin) {
  test('the status tells whether the browser will keep the store', async () => {
    const { tab } = await working(browser(), server)
    expect(await tab.call('persistence')).toBe('unknown')
    await tab.call('close')
    await tab.call('open', { server, persist: true })
    await expect.poll(() => tab.call('persistence')).toBe('best-effort')
    await tab.call('close')
    await tab.command('Browser.grantPermissions', { permissions: ['durableStorage'], origin })
    await tab.call('open', { server, persist: true })
    await expect.poll(() => tab.call('persistence')).toBe('persistent')
  })

  test('I12: a quota that is used up is told, loses nothing, and ends when there is room', async () => {
    const tab = await browser().tab()
    // Before anything is stored: Chromium remembers for a while how much room there is.
    await tab.command('Storage.overrideQuotaForOrigin', { origin, quotaSize: 500_000 })
    await tab.call('open', { server })
    const volumeId = await tab.call('create')
    await tab.call('commit', { count: 3 })
    const large = { from: 4, count: 500, isNoise: true }
    expect(await tab.refusal('commit', large)).toBe('exhausted LOCAL_STORE_FULL')
    expect(await tab.call('status')).toMatchObject({ pendingCommits: 1 })
    expect(await tab.call('read', { count: 4 })).toEqual([1, 2, 3, 0])
    await tab.command('Storage.overrideQuotaForOrigin', { origin })
    await tab.call('commit', large)
    await tab.call('close')
    const { tab: again } = await working(browser(), server, { volumeId })
    expect(await again.call('status')).toMatchObject({ pendingCommits: 2 })
    expect(await again.call('read', { count: 3 })).toEqual([1, 2, 3])
  })
}

function testNetwork(server, browser) {
  test('syncs by itself: waits while the browser is offline, and goes on when it is online again', async () => {
    const { tab, volumeId } = await working(browser(), server, { sync: { intervalMs: 600_000 } })
    await tab.call('commit', {})
    await tab.call('until', { sync: 'synced', lsn: 1, pendingCommits: 0 })
    await browser().setOffline(true)
    await tab.call('until', { live: 'offline' })
    await tab.call('commit', { fill: 10 })
    expect(await tab.call('status')).toMatchObject({ sync: 'ahead', pendingCommits: 1, lastError: undefined })
    await browser().setOffline(false)
    await tab.call('until', { sync: 'synced', lsn: 2, pendingCommits: 0, live: 'watching' })

    const other = await working(browser(), server, { volumeId, name: 'other' })
    await other.tab.call('commit', { fill: 20 })
    await other.tab.call('push')
    await tab.call('until', { sync: 'synced', lsn: 3 })
    expect(await tab.call('read', {})).toEqual([21])
  })

  test('two tabs with stores of their own: what stands on old reads runs again', async () => {
    const first = await working(browser(), server)
    await first.tab.call('commit', {})
    await first.tab.call('push')
    const second = await working(browser(), server, { volumeId: first.volumeId, name: 'second' })
    await first.tab.call('increment')
    await second.tab.call('increment')
    expect([await first.tab.call('push'), await second.tab.call('push')]).toEqual([2, 3])
    expect(await second.tab.call('read', {})).toEqual([3])
  })
}

const range = (from, count) => Array.from({ length: count }, (_, i) => from + i)
