// Which package may import which. ARCHITECTURE.md, section "Packages", has the same table in words.
// `node:` is listed where a package, or part of it, is meant for Node alone.
const formats = ['splinter', 'volume']
const log = [...formats, 'storage-adapters', 'commit-log']
const stores = [...log, 'protocol']
const layers = {
  splinter: [],
  'prefetch-leap': [],
  'storage-adapters': [],
  volume: ['splinter'],
  'commit-log': [...formats, 'storage-adapters'],
  protocol: formats,
  metastore: stores,
  pagestore: stores,
  client: [...formats, 'protocol'],
  embedded: [...stores, 'metastore', 'pagestore'],
  server: [...stores, 'metastore', 'pagestore', 'client', 'embedded', 'prefetch-leap'],
  simulation: [...stores, 'metastore', 'pagestore', 'client', 'prefetch-leap'],
}
/** These know none of the others, not even in their tests. */
const alone = ['splinter', 'prefetch-leap', 'storage-adapters']
const nodeEntries = '^packages/(storage-adapters/src/fs|[^/]+/src/node)(\\.ts$|/)'
const nodeOnly = `^packages/(server|simulation)/src/|${nodeEntries}`

const layerRules = Object.entries(layers).map(([name, allowed]) => ({
  name: `layer-${name}`,
  comment: `${name} may import ${allowed.length === 0 ? 'no other package' : allowed.join(', ')}.`,
  severity: 'error',
  from: { path: `^packages/${name}/${alone.includes(name) ? '' : 'src/'}` },
  to: { path: '^packages/', pathNot: [name, ...allowed].map((other) => `^packages/${other}/`) },
}))

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'unknown-package',
      comment: 'A new package needs its line in the table of layers.',
      severity: 'error',
      from: { path: '^packages/', pathNot: Object.keys(layers).map((name) => `^packages/${name}/`) },
      to: {},
    },
    {
      name: 'cycle',
      comment: 'Modules that import each other cannot be understood, tested or moved alone.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'package-by-path',
      comment: 'Another package is imported by its name, never by a path into it.',
      severity: 'error',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/', pathNot: '^packages/$1/', dependencyTypes: ['local'], dependencyTypesNot: ['aliased-workspace'] },
    },
    {
      name: 'into-packages-by-path',
      comment: 'Examples, benchmarks, end-to-end tests and internal code use what is published.',
      severity: 'error',
      from: { path: '^(examples|benchmarks|internal|e2e)/' },
      to: { path: '^packages/', dependencyTypes: ['local'], dependencyTypesNot: ['aliased-workspace'] },
    },
    {
      name: 'published-on-private',
      comment: 'What is published cannot import what is not.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { path: ['^internal/', '^examples/', '^benchmarks/', '^e2e/', '^packages/[^/]+/(test|examples)/'] },
    },
    {
      name: 'node-in-portable',
      comment: 'Libraries run on Web APIs alone; what needs Node has an entry of its own.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: nodeOnly },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'portable-on-node-entry',
      comment: 'A portable module must not reach Node through a neighbour.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: nodeOnly },
      to: { path: nodeEntries },
    },
    {
      name: 'unlisted-dependency',
      comment: 'Every package that is imported stands in package.json.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'unresolvable',
      comment: 'The module does not exist, or is not exported by its package.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'dev-dependency-in-source',
      comment: 'What is published runs without development dependencies.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'npm-peer'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['^(packages|internal)/[^/]+/(dist|coverage|reports)/', 'tsup\\.config\\.bundled_'] },
    combinedDependencies: true,
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@graft-ts/source', 'import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.cjs', '.js', '.json', '.d.ts'],
    },
    builtInModules: { add: ['node:sqlite', 'node:test'] },
  },
}
