import type { Probe } from '../../../gateway/engine.ts'
import { logIn, type SshLogin } from './connect-upstream.ts'

/** Checks the host key and logs in, then disconnects; runs nothing. */
export async function probeSsh(login: SshLogin): Promise<Probe> {
  let details: string[] = []
  const client = await logIn({
    ...login,
    onHandshake: ({ serverHostKey, kex }) => (details = [`host key ${serverHostKey}`, `key exchange ${kex}`]),
  })
  client.destroy()
  return { details, warnings: [] }
}
