import { readFileSync } from 'node:fs'
import { connectAgent, startPrivateAgent, type AgentConnection } from '../agent/control-client.ts'
import { userPaths, type Paths } from '../agent/paths.ts'
import { createApiClient, type ApiClient } from '../gateway-client/api-client.ts'
import { fetchWithCa } from '../shared/fetch-with-ca.ts'
import { PamError, UsageError } from '../shared/errors.ts'
import { fileProblem } from '../shared/file-problem.ts'
import { isLoopback } from '../shared/loopback.ts'
import type { Io } from './output/io.ts'

/** Flags that every command takes. */
export interface GlobalOptions {
  readonly profile?: string
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
  /** Which of the logins the command is for. */
  readonly profile: () => Promise<string>
  /** The gateway's API, as whoever is signed in. */
  readonly client: () => Promise<ApiClient>
  /** PEM of the private authority given by --ca. */
  readonly authority: () => string | undefined
  close(): void
}

export function createContext(io: Io, options: GlobalOptions, environment: NodeJS.ProcessEnv): CliContext {
  let agent: Promise<AgentConnection> | undefined
  let profile: Promise<string> | undefined
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
    profile() {
      profile ??= chooseProfile(context, false)
      return profile
    },
    async client() {
      const connection = await context.agent()
      const chosen = await context.profile()
      const { gateway } = given(options)
      const info = await connection.call('profile', {
        profile: chosen,
        required: true,
        ...(gateway === undefined ? {} : { gateway: normalGateway(gateway) }),
      })
      if (info === null) throw new PamError('NOT_SIGNED_IN', 'you are not signed in')
      const ca = context.authority()
      if (ca !== undefined && ca !== info.ca) {
        throw new UsageError(
          `you signed in to ${info.gateway} ${info.ca === undefined ? 'without --ca' : 'with another --ca'}`,
          'leave out --ca (PAMCTL_CA), or sign in again with it: pamctl login',
        )
      }
      return createApiClient({
        gateway: info.gateway,
        fetch: fetchWithCa(info.ca),
        authorize: (method, url) => connection.call('authorize', { profile: chosen, method, url }),
      })
    },
    close: () => void agent?.then((connection) => connection.close()).catch(() => {}),
  }
  return context
}

/** The login that --profile and --gateway name together; where they contradict each other, an error. */
export async function chooseProfile(context: CliContext, signingIn: boolean): Promise<string> {
  const { profile, gateway } = given(context.options)
  // What a service signed in with is in the memory of its own agent, under any name.
  if (isService(context)) return profile ?? 'default'
  const wanted = {
    ...(profile === undefined ? {} : { profile }),
    ...(gateway === undefined ? {} : { gateway: normalGateway(gateway) }),
  }
  return (await (await context.agent()).call('choose-profile', { ...wanted, signingIn })).profile
}

/** An empty variable is one that is not set. */
const given = ({ profile, gateway }: GlobalOptions): { profile: string | undefined; gateway: string | undefined } => ({
  profile: profile === '' ? undefined : profile,
  gateway: gateway === '' ? undefined : gateway,
})

export const isService = ({ environment, options }: CliContext): boolean =>
  options.tokenFile !== undefined || (environment['PAMCTL_TOKEN'] ?? '') !== ''

/** A service signs in with its token for this one command; the user's own login is not touched. */
async function serviceAgent(context: CliContext): Promise<AgentConnection> {
  const { options, environment } = context
  const { profile, gateway } = given(options)
  if (gateway === undefined)
    throw new UsageError('a service must say which gateway', 'give --gateway URL (PAMCTL_GATEWAY)')
  const connection = await startPrivateAgent(context.paths())
  const ca = context.authority()
  const token = environment['PAMCTL_TOKEN']
  await connection.call('sign-in-service', {
    profile: profile ?? 'default',
    gateway: normalGateway(gateway),
    ...(ca === undefined ? {} : { ca }),
    ...(options.tokenFile === undefined ? { token: token ?? '' } : { tokenFile: options.tokenFile }),
  })
  return connection
}

/** `pam.example.com` means https; what a gateway's address has no place for is refused rather than dropped. */
export function normalGateway(text: string): string {
  const hint = 'expected a URL such as https://pam.example.com'
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase() ?? 'https'
  const rest = text.replace(/^[a-z][a-z\d+.-]*:\/\//i, '')
  if (scheme !== 'https' && scheme !== 'http')
    throw new UsageError(`--gateway ${text}: ${scheme} is not a scheme of a gateway`, hint)
  // URL would take white space, and a backslash for a slash.
  if (/[\s\\]/.test(text) || !URL.canParse(`${scheme}://${rest}`))
    throw new UsageError(`"${text}" is not the URL of a gateway`, hint)
  const url = new URL(`${scheme}://${rest}`)
  const extra =
    url.username !== '' || url.password !== '' || rest.includes('@')
      ? 'a user name or password'
      : /[?#]/.test(rest)
        ? 'a query or fragment'
        : url.pathname !== '/'
          ? 'a path'
          : undefined
  if (extra !== undefined) throw new UsageError(`the URL of a gateway has no place for ${extra}`, hint)
  if (scheme === 'http' && !isLoopback(url.hostname))
    throw new UsageError(`${text}: plain http is for loopback only`, 'use https')
  return url.origin
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--ca: ${fileProblem(file, error)}`)
  }
}
