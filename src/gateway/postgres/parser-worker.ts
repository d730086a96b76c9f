import { parentPort } from 'node:worker_threads'
import { loadModule, parseSync } from 'libpg-query'
import { readStatements } from './parse-statement.ts'
import { shareConstants } from './share-constants.ts'

/** Parses what is long. It is thrown away by its owner when it takes too long or fails in an unforeseen way. */
await loadModule()
parentPort?.on('message', ({ id, sql }: { id: number; sql: string }) => {
  try {
    const statements = readStatements(parseSync(sql))
    for (const { tree } of statements) shareConstants(tree)
    parentPort?.postMessage({ id, statements })
  } catch (error) {
    if ((error as Error).name !== 'SqlError') throw error
    parentPort?.postMessage({ id, error: (error as Error).message })
  }
})
