import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/demo/local-postgres.ts'
import { eventually } from './gateway-client.ts'
import { PUBLIC } from './saml-routes.ts'
import { DEX } from './test-clients.ts'

/** A Dex on the loopback, which knows a gateway at `PUBLIC`, with a person of its own, and a connector whose people are in a group; its state in memory. */
export interface Dex {
  readonly issuer: string
  stop(): Promise<void>
}

/** Of the person of its own, `jane@example.com`. */
export const DEX_PASSWORD = 'password'
/** Of that, as Dex's documentation of local users has it. */
const BCRYPT = '$2a$10$2b2cU8CPhOTaGrs1HRQuAueS7JTT5ZHsHSzYiFPm1leZck7Mc8T4W'

export async function startDex(): Promise<Dex> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-dex-'))
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}/dex`
  const config = join(directory, 'dex.json')
  writeFileSync(
    config,
    JSON.stringify({
      issuer,
      storage: { type: 'memory' },
      web: { http: `127.0.0.1:${port}` },
      oauth2: { skipApprovalScreen: true },
      expiry: { deviceRequests: '1m', refreshTokens: { reuseInterval: '0s' } },
      staticClients: [
        {
          id: 'pamctl',
          name: 'pamctl',
          public: true,
          redirectURIs: [`${PUBLIC}/auth/callback`, '/device/callback'],
        },
      ],
      enablePasswordDB: true,
      staticPasswords: [{ email: 'jane@example.com', hash: BCRYPT, username: 'jane', userID: '1' }],
      connectors: [{ type: 'mockCallback', id: 'mock', name: 'Example' }],
    }),
  )
  const child = spawn(DEX as string, ['serve', config], { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text))
  const gone = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) child.kill('SIGKILL')
    await gone
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`Dex did not start:\n${log}`)
      const answer = await fetch(`${issuer}/.well-known/openid-configuration`).catch(() => undefined)
      return answer?.ok === true ? true : undefined
    }, 'Dex answers')
  } catch (error) {
    await stop()
    throw error
  }
  return { issuer, stop }
}
