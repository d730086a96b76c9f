import { spawn } from 'node:child_process'
import { VAULT } from './test-clients.ts'

/** A real Vault on the loopback, which keeps everything in memory, initialized and unsealed. */
export interface Vault {
  readonly address: string
  /** With the root token. Resolves to the body; throws for a status that is no success. */
  readonly call: (method: 'GET' | 'PUT' | 'POST', path: string, body?: unknown) => Promise<VaultAnswer>
  /** Lets it answer 503 until it is unsealed. */
  seal(): Promise<void>
  unseal(): Promise<void>
  stop(): Promise<void>
}

export interface VaultAnswer {
  readonly data?: Readonly<Record<string, unknown>>
  readonly keys?: readonly string[]
  readonly root_token?: string
}

export async function startVault(): Promise<Vault> {
  const child = spawn(VAULT as string, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  const gone = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await gone
  }
  const address = await new Promise<string>((resolve, reject) => {
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.endsWith('\n')) resolve(said.trim())
    })
    child.on('close', () => reject(new Error(`Vault did not start:\n${log}`)))
  })
  let token = ''
  const call: Vault['call'] = async (method, path, body) => {
    const response = await fetch(`${address}/v1/${path}`, {
      method,
      headers: token === '' ? {} : { 'x-vault-token': token },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}\n${log}`)
    return text === '' ? {} : (JSON.parse(text) as VaultAnswer)
  }
  const made = await call('PUT', 'sys/init', { secret_shares: 1, secret_threshold: 1 })
  const unseal = async (): Promise<void> => void (await call('PUT', 'sys/unseal', { key: made.keys?.[0] }))
  await unseal()
  token = made.root_token ?? ''
  return { address, call, unseal, seal: async () => void (await call('PUT', 'sys/seal')), stop }
}
