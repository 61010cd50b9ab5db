import type { Command } from '@commander-js/extra-typings'
import { newSigningKey } from '@graft-ts/protocol/jwt'
import { checkNoFile, writeTargetFile } from '../../files/target-file.ts'
import { examples, type MakeContext } from '../command-options.ts'
import type { CliContext } from '../io.ts'
import { factsText, printResult } from '../output.ts'

/** For the owner only. */
const SECRET_MODE = 0o600

/** Adds `graft-ts key`. */
export function addKey(program: Command, makeContext: MakeContext): void {
  program
    .command('key')
    .summary('make a pair of keys for tokens')
    .description(
      'Makes a pair of keys for tokens: FILE is the secret that `token` signs with, readable by its owner only, and FILE.pub ' +
        'is what `serve --jwt-keys` checks with. Neither may exist. Nothing secret is printed.',
    )
    .argument('<file>', 'where the secret goes')
    .option('--key-id <id>', 'name of the key; default: its thumbprint')
    .option('--json', 'print one JSON document')
    .addHelpText('after', examples('key ./signing', 'key ./signing-2031 --key-id 2031'))
    .action((file, options) => makeKey(makeContext(options.json === true), file, options.keyId))
}

async function makeKey(context: CliContext, path: string, keyId: string | undefined): Promise<void> {
  const { privateKey, publicKey } = await newSigningKey(keyId === undefined ? {} : { keyId })
  const publicPath = `${path}.pub`
  // Looked for first, so that no half of a pair is left.
  await checkNoFile(publicPath)
  await writeJson(path, privateKey, SECRET_MODE)
  await writeJson(publicPath, { keys: [publicKey] })
  const result = { keyId: privateKey['kid'] as string, privateKey: path, publicKey: publicPath }
  printResult(context, result, (facts) => factsText({ key: facts.keyId, secret: facts.privateKey, public: facts.publicKey }))
}

function writeJson(path: string, value: unknown, mode?: number): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(value)}\n`)
  return writeTargetFile(path, { isForced: false, ...(mode !== undefined && { mode }) }, (append) => append(bytes))
}
