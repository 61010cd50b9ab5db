// Run after every install. The npm package of Node brings 67 MB of C++ headers; nothing here compiles against them.
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const modules = fileURLToPath(new URL('../node_modules/node/node_modules', import.meta.url))
let names = []
try {
  names = readdirSync(modules)
} catch {
  // Installed without scripts: there is no Node of our own to trim.
}
for (const name of names) if (name.startsWith('node-')) rmSync(join(modules, name, 'include'), { recursive: true, force: true })
