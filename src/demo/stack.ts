import { pause } from '../shared/pause.ts'
import { spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBilling, type LocalBilling } from './local-billing.ts'
import { startKubernetes } from './local-kubernetes.ts'
import { startSshd, type LocalSshd } from './local-sshd.ts'
import { startMariadb, type LocalMariadb } from './local-mariadb.ts'
import { freePort, packageRoot, portOrFree, startPostgres, type LocalPostgres } from './local-postgres.ts'
import { loadSampleData, loadShop, loadShopCluster } from './sample-data.ts'
import { startSamlSignIn, type SamlSignIn } from './saml-sign-in.ts'
import { writeDemoConfig } from './setup.ts'

/** Everything the demo runs on: a database, a gateway with its identity provider, in one temporary directory. */
export interface DemoStack {
  readonly directory: string
  readonly gateway: string
  /** The OpenID provider: of people and services, or with SAML of services alone. */
  readonly issuer: string
  /** Where people sign out of the SAML provider; undefined where they sign in with OpenID. */
  readonly samlSignOut: string | undefined
  readonly postgres: LocalPostgres
  /** Where it was asked for. */
  readonly mariadb: LocalMariadb | undefined
  /** Likewise: its version, once it answers and has its objects, which takes longest of all. */
  readonly kubernetes: Promise<string> | undefined
  /** Likewise; where it does not start, why. */
  readonly sshd: LocalSshd | Error | undefined
  /** Whether the target `billing` was asked for. */
  readonly hasBilling: boolean
  readonly publicKey: string
  /** Process id of the gateway. */
  readonly pid: number
  gatewayLog(): string
  stop(): Promise<void>
}

export interface DemoStackOptions {
  /** Changes the configuration before the gateway reads it. */
  readonly configure?: (yaml: string) => string
  /** More in the database, once the sample data is there. */
  readonly prepare?: (postgres: LocalPostgres) => Promise<void>
  /** A MariaDB of the system as the target `shop-mysql`. */
  readonly withMariadb?: boolean
  /** A Kubernetes API server as the target `shop-k8s`. */
  readonly withKubernetes?: boolean
  /** An sshd of the system as the target `web-1`. */
  readonly withSshd?: boolean
  /** A service of HTTP as the target `billing`. */
  readonly withBilling?: boolean
  /** People sign in with SAML, and with nothing else. */
  readonly withSaml?: boolean
  /** Gateway and provider listen on the ports that README.md and the documents name, where these are free. */
  readonly withUsualPorts?: boolean
  /** Default: as a process of its own. */
  readonly startGateway?: (config: string, logFile: string) => Promise<RunningGateway>
}

export async function startDemoStack({
  configure,
  prepare,
  withMariadb = false,
  withKubernetes = false,
  withSshd = false,
  withBilling = false,
  withSaml = false,
  withUsualPorts = false,
  startGateway: startOwn = startGateway,
}: DemoStackOptions = {}): Promise<DemoStack> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-demo-'))
  let postgres: LocalPostgres | undefined
  let mariadb: LocalMariadb | undefined
  let sshd: LocalSshd | Error | undefined
  let billing: LocalBilling | undefined
  let saml: SamlSignIn | undefined
  // It starts beside all else, since it takes longest.
  const starting = withKubernetes
    ? startKubernetes({ directory: mkdtempSync(join(tmpdir(), 'pamctl-demo-kubernetes-')) })
    : undefined
  // Whoever waits for it is told.
  starting?.catch(() => {})
  let gateway: RunningGateway | undefined
  const stop = async (): Promise<void> => {
    await gateway?.stop('SIGTERM')
    await Promise.all([
      postgres?.stop(),
      mariadb?.stop(),
      sshd instanceof Error ? undefined : sshd?.stop(),
      billing?.stop(),
      saml?.stop(),
      starting?.then(
        (cluster) => cluster.stop(),
        () => {},
      ),
    ])
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    // The database's directory stands outside: its user may not enter ours.
    postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-demo-pg-')) })
    await loadSampleData(postgres)
    await prepare?.(postgres)
    if (withMariadb) {
      mariadb = await startMariadb({ directory: mkdtempSync(join(tmpdir(), 'pamctl-demo-mariadb-')) })
      loadShop(mariadb)
    }
    // What the system's own server wants differs from system to system: the demo goes on without it.
    if (withSshd)
      sshd = await startSshd(mkdtempSync(join(tmpdir(), 'pamctl-demo-sshd-'))).catch((error: unknown) =>
        error instanceof Error ? error : new Error(String(error)),
      )
    if (withBilling) billing = await startBilling()
    const cluster = await starting
    const hasObjects = cluster?.ready.then(async (version) => {
      await loadShopCluster(cluster)
      return version
    })
    hasObjects?.catch(() => {})
    const gatewayPort = await (withUsualPorts ? portOrFree(USUAL_PORTS.gateway) : freePort())
    const samlPorts = withSaml
      ? { gateway: gatewayPort, people: await freePort(), services: await freePort() }
      : undefined
    const config = await writeDemoConfig(directory, {
      gatewayPort,
      providerPort: withUsualPorts ? await portOrFree(USUAL_PORTS.provider) : undefined,
      postgresPort: postgres.port,
      mariadbPort: mariadb?.port,
      kubernetes: cluster && { port: cluster.port, ca: cluster.ca, token: cluster.tokens.gateway },
      sshd: sshd instanceof Error ? undefined : sshd,
      billing,
      saml: samlPorts,
    })
    if (samlPorts !== undefined) saml = await startSamlSignIn(directory, samlPorts)
    if (configure !== undefined) writeFileSync(config, configure(readFileSync(config, 'utf8')))
    gateway = await startOwn(config, join(directory, 'gateway.log'))
    const running = gateway
    const publicKey = join(directory, 'data', 'keys', 'gateway.pub')
    return {
      directory,
      gateway: running.url,
      issuer: saml?.servicesIssuer ?? running.issuer,
      samlSignOut: saml?.signOutUrl,
      postgres,
      mariadb,
      kubernetes: hasObjects,
      sshd,
      hasBilling: withBilling,
      publicKey,
      pid: running.pid,
      gatewayLog: () => running.log(),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const USUAL_PORTS = { gateway: 8443, provider: 9400 }

/** Two minutes: how soon it starts is for the machine to say, and one that cannot start exits. */
const MAX_LOOKS = 2400

/** A gateway as a process of its own. */
export interface RunningGateway {
  readonly url: string
  readonly issuer: string
  readonly pid: number
  log(): string
  signal(signal: NodeJS.Signals): void
  /** Resolves when the process is gone. */
  stop(signal: NodeJS.Signals): Promise<void>
}

/** Starts `pam-gateway` and waits until it says where it listens. `prefix` runs it under another program; `root` is where it is installed. */
export async function startGateway(
  config: string,
  logFile: string,
  prefix: readonly string[] = [],
  root = packageRoot,
): Promise<RunningGateway> {
  const output = openSync(logFile, 'a', 0o600)
  const before = readFileSync(logFile, 'utf8').length
  const command = [...prefix, process.execPath, join(root, 'bin', 'pam-gateway.js'), 'start', '--config', config]
  const child = spawn(command[0] as string, command.slice(1), { stdio: ['ignore', output, output] })
  closeSync(output)
  const log = (): string => readFileSync(logFile, 'utf8')
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  for (let attempt = 0; attempt < MAX_LOOKS; attempt++) {
    if (child.exitCode !== null) throw new Error(`the gateway did not start:\n${log().slice(before)}`)
    const started = /"url":"([^"]+)"(?:,"issuer":"([^"]*)")?.*"gateway\.started"/.exec(log().slice(before))
    if (started !== null) {
      const [, url, issuer = ''] = started as unknown as [string, string, string?]
      return {
        url,
        issuer,
        pid: child.pid ?? 0,
        log,
        signal: (signal) => void child.kill(signal),
        stop(signal) {
          if (child.exitCode === null && child.signalCode === null) child.kill(signal)
          return gone
        },
      }
    }
    await pause(50)
  }
  child.kill('SIGKILL')
  throw new Error(`the gateway does not start:\n${log().slice(before)}`)
}
