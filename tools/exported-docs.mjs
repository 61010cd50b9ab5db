// Finds what the packages export without saying what it is.
import { join, relative } from 'node:path'
import ts from 'typescript'
import { root } from './packages.mjs'

const SOURCE_CONDITION = '@graft-ts/source'

function entriesOf({ folder, manifest }) {
  const targets = Object.values(manifest.exports).map((target) => target[SOURCE_CONDITION])
  return targets.filter((path) => path !== undefined).map((path) => join(root, folder, path))
}

function programOf(entries) {
  const config = ts.readConfigFile(join(root, 'internal/config/tsconfig.node.json'), ts.sys.readFile)
  const base = ts.parseJsonConfigFileContent(config.config, ts.sys, join(root, 'internal/config'))
  return ts.createProgram(entries, { ...base.options, noEmit: true })
}

function isDocumented(symbol, checker) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const declarations = target.declarations ?? []
  // Generated messages are documented where they are written, in the .proto files.
  if (declarations.some((declaration) => declaration.getSourceFile().fileName.includes('/src/gen/'))) return true
  if (declarations.some((declaration) => declaration.getSourceFile().fileName.includes('/node_modules/'))) return true
  return target.getDocumentationComment(checker).length > 0
}

function whereIs(symbol, checker) {
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const declaration = target.declarations?.[0]
  if (declaration === undefined) return '?'
  const source = declaration.getSourceFile()
  return `${relative(root, source.fileName)}:${source.getLineAndCharacterOfPosition(declaration.getStart()).line + 1}`
}

/** Every export of every entry that has no doc comment, and how many exports were looked at. */
export function undocumentedExports(packages) {
  const entries = packages.flatMap(entriesOf)
  const program = programOf(entries)
  const checker = program.getTypeChecker()
  let checked = 0
  const undocumented = new Set()
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry))
    if (module === undefined) {
      undocumented.add(`${relative(root, entry)}: exports nothing`)
      continue
    }
    for (const symbol of checker.getExportsOfModule(module)) {
      checked++
      if (!isDocumented(symbol, checker)) undocumented.add(`${whereIs(symbol, checker)}: ${symbol.name} has no doc`)
    }
  }
  return { checked, undocumented: [...undocumented].sort() }
}
