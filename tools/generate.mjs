// Writes the TypeScript of every .proto file. Each package has its own files, so buf runs once per package.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
for (const name of ['volume', 'protocol', 'client']) {
  const template = {
    version: 'v2',
    clean: true,
    plugins: [
      {
        local: 'tools/node_modules/.bin/protoc-gen-es',
        out: `packages/${name}/src/gen`,
        opt: ['target=ts', 'import_extension=ts'],
      },
    ],
  }
  execFileSync('tools/node_modules/.bin/buf', ['generate', `packages/${name}/proto`, '--template', JSON.stringify(template)], {
    cwd: root,
    stdio: 'inherit',
  })
}
