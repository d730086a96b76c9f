import { PamError } from '../../../shared/errors.ts'

/** Counts what a server says before its answer (status 1xx), of which no client is told. A server may say no end of it: then it is given up. */
export function fewInterimAnswers(giveUp: (error: PamError) => void): () => void {
  let count = 0
  return () => {
    if (++count === MAX_INTERIM + 1)
      giveUp(
        new PamError('TARGET_LEFT', `the target sent more than ${MAX_INTERIM} interim responses to one request`, {
          side: 'upstream',
        }),
      )
  }
}

/** Some servers send one every few seconds for as long as they work. */
const MAX_INTERIM = 1000
