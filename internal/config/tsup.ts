import { readFileSync } from 'node:fs'
import { defineConfig } from 'tsup'

interface ExportTarget {
  '@graft-ts/source'?: string
}

// The entries are read from `exports`, so that what is built and what is published cannot differ.
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, string | ExportTarget>
  bin?: Record<string, string>
}
const fromExports = Object.values(manifest.exports).flatMap((target) =>
  typeof target === 'object' && target['@graft-ts/source'] !== undefined ? [target['@graft-ts/source']] : [],
)
const fromBin = Object.values(manifest.bin ?? {}).map((path) => path.replace('./dist/', './src/').replace(/\.js$/, '.ts'))

export default defineConfig({
  entry: [...fromExports, ...fromBin],
  format: ['esm'],
  platform: 'neutral',
  target: 'es2022',
  dts: true,
  sourcemap: true,
  clean: true,
  // A neutral esbuild knows no built-ins, and tsup would strip `node:`, which breaks node:sqlite.
  external: [/^node:/],
  removeNodeProtocol: false,
})
