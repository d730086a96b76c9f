import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, packageRoot, startPostgres, type LocalPostgres } from './local-postgres.ts'
import { loadSampleData } from './sample-data.ts'
import { writeDemoConfig } from './setup.ts'

/** Everything the demo runs on: a database, a gateway with its identity provider, in one temporary directory. */
export interface DemoStack {
  readonly directory: string
  readonly gateway: string
  readonly issuer: string
  readonly postgres: LocalPostgres
  readonly publicKey: string
  gatewayLog(): string
  stop(): Promise<void>
}

export async function startDemoStack(wantedPort?: number): Promise<DemoStack> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-demo-'))
  let postgres: LocalPostgres | undefined
  let gateway: ChildProcess | undefined
  const stop = async (): Promise<void> => {
    if (gateway !== undefined && gateway.exitCode === null) {
      const left = new Promise((resolve) => gateway?.once('exit', resolve))
      gateway.kill('SIGTERM')
      await left
    }
    await postgres?.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    // The database's directory stands outside: its user may not enter ours.
    postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-demo-pg-')) })
    await loadSampleData(postgres)
    const port = wantedPort ?? (await freePort())
    const config = await writeDemoConfig(directory, { gatewayPort: port, postgresPort: postgres.port })
    const log = join(directory, 'gateway.log')
    const output = openSync(log, 'a', 0o600)
    gateway = spawn(process.execPath, [join(packageRoot, 'bin', 'pam-gateway.js'), 'start', '--config', config], {
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    const gatewayLog = (): string => readFileSync(log, 'utf8')
    const url = `http://127.0.0.1:${port}`
    const issuer = await waitForGateway(url, gateway, gatewayLog)
    return {
      directory,
      gateway: url,
      issuer,
      postgres,
      publicKey: join(directory, 'data', 'keys', 'gateway.pub'),
      gatewayLog,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function waitForGateway(url: string, gateway: ChildProcess, log: () => string): Promise<string> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (gateway.exitCode !== null) throw new Error(`the gateway did not start:\n${log()}`)
    try {
      const response = await fetch(`${url}/.well-known/pam-gateway`)
      return ((await response.json()) as { issuer: string }).issuer
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  throw new Error(`the gateway does not answer:\n${log()}`)
}
