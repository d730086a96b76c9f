import type { Client } from 'ssh2'
import type { Probe } from '../../../gateway/engine.ts'
import { logIn, type SshLogin } from './connect-upstream.ts'
import { TargetChannel } from './target-channel.ts'

/** Checks the host key, logs in and opens the two channels that a session needs, then disconnects; runs nothing. */
export async function probeSsh(login: SshLogin): Promise<Probe> {
  let details: string[] = []
  const client = await logIn({
    ...login,
    onHandshake: ({ serverHostKey, kex }) => (details = [`host key ${serverHostKey}`, `key exchange ${kex}`]),
  })
  try {
    return { details, warnings: (await takesTwoSessions(client)) ? [] : [TWO_SESSIONS] }
  } finally {
    client.destroy()
  }
}

async function takesTwoSessions(client: Client): Promise<boolean> {
  try {
    await TargetChannel.open(client)
    await TargetChannel.open(client)
    return true
  } catch {
    return false
  }
}

/** The gateway looks where paths lead over a session of its own, beside the client's. */
export const TWO_SESSIONS =
  'the target allows fewer than two sessions on a connection; set its MaxSessions to 2 or more'
