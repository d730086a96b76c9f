import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EventBody } from '../../src/recording/event.ts'
import { command, filesIn, opened, openSpool, recorderOptions, signer, written } from './recordings.ts'

/** The sealed record of a session in which statements were run, and what else happened; `gateway.pub` stands beside it. */
export async function recordFile(
  directory: string,
  session: string,
  statements: readonly string[],
  more: readonly Exclude<EventBody, { type: 'opened' | 'ended' }>[] = [],
): Promise<string> {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'gateway.pub'), signer.publicKeyPem)
  const spool = openSpool(join(directory, session))
  const recorder = await spool.open(opened(session), recorderOptions(session))
  for (const text of statements) recorder.intent(command(text))
  for (const event of more) recorder.outcome(event)
  await written(recorder)
  await spool.close(recorder, { code: 'CLIENT_LEFT', message: 'bye' })
  await spool.stop()
  return filesIn(join(directory, session), '.pamrec')[0] as string
}
