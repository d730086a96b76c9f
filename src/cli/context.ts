import { readFileSync } from 'node:fs'
import { connectAgent, startPrivateAgent, type AgentConnection } from '../agent/control-client.ts'
import { userPaths, type Paths } from '../agent/paths.ts'
import { createApiClient, type ApiClient } from '../gateway-client/api-client.ts'
import { fetchWithCa } from '../shared/fetch-with-ca.ts'
import { PamError, UsageError } from '../shared/errors.ts'
import { isLoopback } from '../shared/loopback.ts'
import type { Io } from './output/io.ts'

/** Flags that every command takes. */
export interface GlobalOptions {
  readonly profile: string
  readonly gateway?: string
  readonly ca?: string
  readonly tokenFile?: string
}

/** What commands work with; made once per run. */
export interface CliContext {
  readonly io: Io
  readonly options: GlobalOptions
  readonly environment: NodeJS.ProcessEnv
  readonly paths: () => Paths
  readonly agent: () => Promise<AgentConnection>
  /** The gateway's API, as whoever is signed in. */
  readonly client: () => Promise<ApiClient>
  /** PEM of the private authority given by --ca. */
  readonly authority: () => string | undefined
  close(): void
}

export function createContext(io: Io, options: GlobalOptions, environment: NodeJS.ProcessEnv): CliContext {
  let agent: Promise<AgentConnection> | undefined
  const paths = (): Paths => userPaths(environment)
  const context: CliContext = {
    io,
    options,
    environment,
    paths,
    authority: () => (options.ca === undefined ? undefined : readAuthority(options.ca)),
    agent() {
      agent ??= isService(context) ? serviceAgent(context) : connectAgent(paths())
      return agent
    },
    async client() {
      const connection = await context.agent()
      const { profile } = options
      const info = await connection.call('profile', { profile, required: true })
      if (info === null) throw new PamError('NOT_SIGNED_IN', 'you are not signed in')
      return createApiClient({
        gateway: info.gateway,
        fetch: fetchWithCa(info.ca),
        authorize: (method, url) => connection.call('authorize', { profile, method, url }),
      })
    },
    close: () => void agent?.then((connection) => connection.close()).catch(() => {}),
  }
  return context
}

const isService = ({ environment, options }: CliContext): boolean =>
  options.tokenFile !== undefined || (environment['PAMCTL_TOKEN'] ?? '') !== ''

/** A service signs in with its token for this one command; the user's own login is not touched. */
async function serviceAgent(context: CliContext): Promise<AgentConnection> {
  const { options, environment } = context
  if (options.gateway === undefined)
    throw new UsageError('a service must say which gateway', 'give --gateway URL (PAMCTL_GATEWAY)')
  const connection = await startPrivateAgent(context.paths())
  const ca = context.authority()
  const token = environment['PAMCTL_TOKEN']
  await connection.call('sign-in-service', {
    profile: options.profile,
    gateway: normalGateway(options.gateway),
    ...(ca === undefined ? {} : { ca }),
    ...(options.tokenFile === undefined ? { token: token ?? '' } : { tokenFile: options.tokenFile }),
  })
  return connection
}

/** `pam.example.com` means https; a path or query has no place here. */
export function normalGateway(text: string): string {
  const withScheme = /^https?:\/\//.test(text) ? text : `https://${text}`
  if (!URL.canParse(withScheme))
    throw new UsageError(`"${text}" is not the URL of a gateway`, 'such as https://pam.example.com')
  const url = new URL(withScheme)
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new UsageError(`${text}: plain http is for loopback only`, 'use https')
  return url.origin
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--ca ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}
