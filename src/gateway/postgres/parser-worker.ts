import { parentPort } from 'node:worker_threads'
import { loadModule, parseSync } from 'libpg-query'
import { readStatements } from './parse-statement.ts'

/** Parses what is long. It is thrown away by its owner when it takes too long or fails in an unforeseen way. */
await loadModule()
parentPort?.on('message', ({ id, sql }: { id: number; sql: string }) => {
  try {
    parentPort?.postMessage({ id, statements: readStatements(parseSync(sql)) })
  } catch (error) {
    if ((error as Error).name !== 'SqlError') throw error
    parentPort?.postMessage({ id, error: (error as Error).message })
  }
})
