import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/demo/local-postgres.ts'
import { writeDemoConfig } from '../../src/demo/setup.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { openPort, signIn, type Port, type SignedIn } from './gateway-client.ts'
import { hostGateway } from './hosted-gateway.ts'
import { run, type Outcome } from './run.ts'
import { startSshServer, type SshServer } from './ssh-server.ts'

/** A gateway with SSH targets before a real sshd. */
export interface SshGateway {
  readonly sshd: SshServer
  readonly gateway: RunningGateway
  readonly directory: string
  readonly jane: SignedIn
  readonly bob: SignedIn
  /** Where files of the tests are: readable by the account of sshd. */
  readonly files: string
  port(target?: string): Promise<Port>
  /** Options of ssh, scp and sftp for a port. */
  options(port: Port, target?: string): string[]
  /** `ssh` through the gateway. */
  ssh(port: Port, args: readonly string[], input?: string): Promise<Outcome>
  /** `ssh` past the gateway. */
  direct(args: readonly string[], input?: string): Promise<Outcome>
  directOptions(): string[]
  restart(yaml: string): Promise<void>
  stop(): Promise<void>
}

export interface SshGatewayOptions {
  /** Rules: `commands:` and `masking:`. */
  readonly rules: string | ((files: string) => string)
  /** More lines of the target. */
  readonly target?: (sshd: SshServer) => string
  /** Before the gateway starts. */
  readonly prepare?: (sshd: SshServer) => void
  readonly sshd?: string
  /** What the gateway runs under. */
  readonly prefix?: readonly string[]
}

export async function startSshGateway({
  rules,
  target,
  prepare,
  sshd: more = '',
  prefix = [],
}: SshGatewayOptions): Promise<SshGateway> {
  const sshd = await startSshServer(more)
  prepare?.(sshd)
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-ssh-'))
  const files = mkdtempSync(join(tmpdir(), 'pamctl-test-files-'))
  const gatewayPort = await freePort()
  const config = await writeDemoConfig(directory, { gatewayPort, postgresPort: 1 })
  writeFileSync(
    config,
    `listen: { host: 127.0.0.1, port: ${gatewayPort} }
dataDirectory: data
logLevel: info
identity:
  evaluation: { people: people.yaml }
roles: { audit: [audit], operate: [sre] }
targets:
  - name: bastion
    type: ssh
    host: 127.0.0.1
    port: ${sshd.port}
    hostKeys: ["${sshd.hostKey}"]
    logins:
      - { name: ${sshd.user}, privateKey: "file:${sshd.keys.ed25519}" }
${target?.(sshd) ?? ''}
access:
  - { name: engineers, who: { groups: [engineering] }, grant: standing, maxDuration: 1h }
${typeof rules === 'string' ? rules : rules(files)}
`,
  )
  let gateway = await hostGateway(config, join(directory, 'gateway.log'), prefix)
  const jane = await signIn(gateway.url, 'jane')
  const bob = await signIn(gateway.url, 'bob')
  const ports: Port[] = []
  const knownHosts = join(directory, 'known_hosts')
  const options = (port: Port): string[] => [
    '-F',
    'none',
    '-o',
    'LogLevel=ERROR',
    '-o',
    `UserKnownHostsFile=${knownHosts}`,
    '-o',
    'HostKeyAlias=gateway',
    '-o',
    'StrictHostKeyChecking=yes',
    '-o',
    `Port=${port.port}`,
    '-o',
    `User=${sshd.user}`,
  ]
  const directOptions = (): string[] => [
    '-F',
    'none',
    '-o',
    'LogLevel=ERROR',
    '-o',
    `UserKnownHostsFile=${knownHosts}`,
    '-o',
    'HostKeyAlias=target',
    '-o',
    `Port=${sshd.port}`,
    '-o',
    `User=${sshd.user}`,
    '-i',
    sshd.keys.ed25519,
  ]
  const [found] = (await jane.api.targets()).filter(({ name }) => name === 'bastion')
  writeFileSync(
    knownHosts,
    `${(found?.hostKeys ?? []).map((key) => `gateway ${key}\n`).join('')}target ${sshd.hostKey}\n`,
  )
  return {
    sshd,
    get gateway() {
      return gateway
    },
    directory,
    jane,
    bob,
    files,
    async port(name = 'bastion') {
      const port = await openPort(jane, name, 'ssh')
      ports.push(port)
      return port
    },
    options,
    directOptions,
    ssh: (port, args, input) =>
      run('ssh', [...options(port), '127.0.0.1', ...args], input === undefined ? {} : { input }),
    direct: (args, input) =>
      run('ssh', [...directOptions(), '127.0.0.1', ...args], input === undefined ? {} : { input }),
    async restart(yaml) {
      await gateway.stop('SIGTERM')
      writeFileSync(config, yaml)
      gateway = await hostGateway(config, join(directory, 'gateway.log'), prefix)
    },
    async stop() {
      for (const port of ports) port.close()
      await gateway.stop('SIGTERM')
      await sshd.stop()
      for (const path of [directory, files]) rmSync(path, { recursive: true, force: true })
    },
  }
}
