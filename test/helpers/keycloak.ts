import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/demo/local-postgres.ts'
import { fetchWithCa } from '../../src/shared/fetch-with-ca.ts'
import type { TestCertificates } from './certificates.ts'
import { eventually } from './gateway-client.ts'
import { KEYCLOAK } from './test-clients.ts'

/** A Keycloak with one realm, over TLS with a private authority, its database in memory. */
export interface Keycloak {
  /** Of the realm. */
  readonly issuer: string
  readonly port: number
  stop(): Promise<void>
}

export async function startKeycloak(realm: { readonly realm: string }, tls: TestCertificates): Promise<Keycloak> {
  // The installed one stays as it is: what it writes goes into a home of its own.
  const home = mkdtempSync(join(tmpdir(), 'pamctl-test-keycloak-'))
  const installed = KEYCLOAK as string
  cpSync(join(installed, 'bin'), join(home, 'bin'), { recursive: true })
  for (const name of ['lib', 'conf', 'providers', 'themes']) symlinkSync(join(installed, name), join(home, name))
  mkdirSync(join(home, 'data', 'import'), { recursive: true })
  writeFileSync(join(home, 'data', 'import', `${realm.realm}-realm.json`), JSON.stringify(realm))
  const port = await freePort()
  // prettier-ignore
  const options = ['start', '--optimized', '--import-realm', '--http-host=127.0.0.1', '--http-enabled=false', `--https-port=${port}`,
    `--https-certificate-file=${tls.certificate}`, `--truststore-paths=${tls.ca}`, `--https-certificate-key-file=${tls.key}`, `--hostname=https://localhost:${port}`]
  const child = spawn('bash', [join(home, 'bin', 'kc.sh'), ...options], {
    env: { ...process.env, JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m', JAVA_OPTS_APPEND: '-XX:TieredStopAtLevel=1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: the script waits for the server, and does not hand a SIGKILL on.
    detached: true,
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (log += text))
  const gone = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    await gone
    rmSync(home, { recursive: true, force: true })
  }
  const issuer = `https://localhost:${port}/realms/${realm.realm}`
  const fetcher = fetchWithCa(readFileSync(tls.ca, 'utf8'))
  try {
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`Keycloak did not start:\n${log}`)
      const answer = await fetcher(`${issuer}/.well-known/openid-configuration`).catch(() => undefined)
      return answer?.ok === true ? true : undefined
    }, 'Keycloak answers')
  } catch (error) {
    await stop()
    throw error
  }
  return { issuer, port, stop }
}
