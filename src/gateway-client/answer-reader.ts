import type { AnswerReader } from './api-calls.ts'

/**
 * Reads answers by the API's own schemas. They are loaded from now on, while the gateway is asked: commands that ask nothing do not wait for them.
 */
export function answerReader(): AnswerReader {
  const loaded = import('./read-answer.ts')
  // Told to whoever reads an answer.
  loaded.catch(() => {})
  return async (name, route, value) => (await loaded).readAnswer(name, route, value)
}
