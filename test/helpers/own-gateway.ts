import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { freePort, startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import { loadSampleData } from '../../src/demo/sample-data.ts'
import { writeDemoConfig } from '../../src/demo/setup.ts'
import { startGateway, type RunningGateway } from '../../src/demo/stack.ts'
import { hostGateway } from './hosted-gateway.ts'

/** A database, and gateways with the demo's configuration that can be stopped and started again. */
export interface OwnGateways {
  readonly postgres: LocalPostgres
  /** Past any gateway. */
  superuser(database: string): Promise<pg.Client>
  /** A directory with the demo's configuration, edited. */
  configured(edit?: (config: string, directory: string) => string): Promise<string>
  start(directory: string, prefix?: readonly string[]): Promise<RunningGateway>
  /** In a process of its own: one that is to be killed while others run. */
  startAlone(directory: string): Promise<RunningGateway>
  stop(): Promise<void>
}

export async function ownGateways(settings: Record<string, string> = {}): Promise<OwnGateways> {
  const postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-test-pg-')), settings })
  await loadSampleData(postgres)
  const directories: string[] = []
  const gateways: RunningGateway[] = []
  return {
    postgres,
    async superuser(database) {
      const client = new pg.Client({ host: '127.0.0.1', port: postgres.port, ...postgres.superuser, database })
      client.on('error', () => {})
      await client.connect()
      return client
    },
    async configured(edit = (config) => config) {
      const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-gw-'))
      directories.push(directory)
      const config = await writeDemoConfig(directory, { gatewayPort: await freePort(), postgresPort: postgres.port })
      writeFileSync(config, edit(readFileSync(config, 'utf8'), directory))
      return directory
    },
    async start(directory, prefix = []) {
      const gateway = await hostGateway(join(directory, 'pam.yaml'), join(directory, 'gateway.log'), prefix)
      gateways.push(gateway)
      return gateway
    },
    async startAlone(directory) {
      const gateway = await startGateway(join(directory, 'pam.yaml'), join(directory, 'gateway.log'))
      gateways.push(gateway)
      return gateway
    },
    async stop() {
      for (const gateway of gateways) await gateway.stop('SIGTERM')
      await postgres.stop()
      for (const directory of directories) rmSync(directory, { recursive: true, force: true })
    },
  }
}
