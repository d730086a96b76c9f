import { readFileSync } from 'node:fs'
import { connectAgent, startPrivateAgent, type AgentConnection } from '../agent/control-client.ts'
import type { ControlMethods } from '../agent/control-messages.ts'
import { userPaths, type Paths } from '../agent/paths.ts'
import { answerReader } from '../gateway-client/answer-reader.ts'
import { createApiClient, type ApiClient } from '../gateway-client/api-client.ts'
import { variable } from '../shared/environment.ts'
import type { HttpCall } from '../shared/http-call.ts'
import { PamError, UsageError } from '../shared/errors.ts'
import { fileProblem } from '../shared/file-problem.ts'
import { normalGateway } from './gateway-url.ts'
import type { Io } from './output/io.ts'
import { readSettings, type Settings } from './settings.ts'
import type { ProgramStreams, Surroundings } from './surroundings.ts'

/** Flags that every command takes. */
export interface GlobalOptions {
  readonly profile?: string
  readonly gateway?: string
  readonly ca?: string
  readonly tokenFile?: string
  /** No notes. */
  readonly quiet?: boolean
  /** Headings of tables in a pipe. */
  readonly headers?: boolean
}

/** What commands work with; made once per run. */
export interface CliContext {
  readonly io: Io
  readonly options: GlobalOptions
  readonly environment: NodeJS.ProcessEnv
  readonly streams: ProgramStreams
  /** The time, in milliseconds since the epoch. */
  readonly now: () => number
  readonly httpCall: (ca: string | undefined) => HttpCall
  readonly paths: () => Paths
  /** What `pamctl config` keeps. */
  readonly settings: () => Settings
  readonly agent: () => Promise<AgentConnection>
  /** Which of the logins the command is for. */
  readonly profile: () => Promise<string>
  /** The gateway's API, as whoever is signed in. */
  readonly client: () => Promise<ApiClient>
  /** PEM of the private authority given by --ca. */
  readonly authority: () => string | undefined
  close(): void
}

export function createContext(
  io: Io,
  options: GlobalOptions,
  { environment, streams, now, httpCall }: Surroundings,
): CliContext {
  let agent: Promise<AgentConnection> | undefined
  let profile: Promise<string> | undefined
  let settings: Settings | undefined
  const paths = (): Paths => userPaths(environment)
  const context: CliContext = {
    io,
    options,
    environment,
    streams,
    now,
    httpCall,
    paths,
    settings: () => (settings ??= readSettings(paths().home)),
    authority: () => (options.ca === undefined ? undefined : readAuthority(options.ca)),
    agent() {
      agent ??= isService(context) ? serviceAgent(context) : connectAgent(paths(), environment)
      return agent
    },
    profile() {
      profile ??= chooseProfile(context, false)
      return profile
    },
    async client() {
      const answers = answerReader()
      const connection = await context.agent()
      const chosen = await context.profile()
      const { gateway } = given(context)
      const info = await connection.call('profile', {
        profile: chosen,
        required: true,
        ...(gateway === undefined ? {} : { gateway }),
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
        fetch: httpCall(info.ca),
        authorize: (method, url) => connection.call('authorize', { profile: chosen, method, url }),
        answers,
      })
    },
    close: () => void agent?.then((connection) => connection.close()).catch(() => {}),
  }
  return context
}

/** The login that --profile and --gateway name together; where they contradict each other, an error. */
async function chooseProfile(context: CliContext, signingIn: boolean): Promise<string> {
  return (await chosenLogin(context, signingIn)).profile
}

/** The same; and, where neither names a gateway, the one that was signed in to last. */
export async function chosenLogin(
  context: CliContext,
  signingIn: boolean,
): Promise<ControlMethods['choose-profile']['result']> {
  const { profile, gateway } = given(context)
  // What a service signed in with is in the memory of its own agent, under any name.
  if (isService(context)) return { profile: profile ?? 'default' }
  const wanted = {
    ...(profile === undefined ? {} : { profile }),
    ...(gateway === undefined ? {} : { gateway }),
  }
  return (await context.agent()).call('choose-profile', { ...wanted, signingIn })
}

/**
 * The login that flags and variables ask for; where they name neither profile nor gateway, the one in the settings. A profile is for
 * one gateway, so that a setting never contradicts what was given. An empty variable is one that is not set.
 */
function given({ options, settings }: CliContext): { readonly profile?: string; readonly gateway?: string } {
  const { profile = '', gateway = '' } = options
  if (profile !== '' || gateway !== '') {
    return {
      ...(profile === '' ? {} : { profile }),
      ...(gateway === '' ? {} : { gateway: normalGateway(gateway) }),
    }
  }
  const defaults = settings()
  if (defaults.profile !== undefined) return { profile: defaults.profile }
  return defaults.gateway === undefined ? {} : { gateway: defaults.gateway }
}

/** The gateway to sign in to: the one that was asked for, that of the profile, the one in the settings. */
export function gatewayToSignInTo(context: CliContext, known?: string): string | undefined {
  return given(context).gateway ?? known ?? context.settings().gateway
}

export const isService = ({ environment, options }: CliContext): boolean =>
  options.tokenFile !== undefined || (variable(environment, 'PAMCTL_TOKEN') ?? '') !== ''

/** A service signs in with its token for this one command; the user's own login is not touched. */
async function serviceAgent(context: CliContext): Promise<AgentConnection> {
  const { options, environment } = context
  const { profile } = given(context)
  const gateway = gatewayToSignInTo(context)
  if (gateway === undefined)
    throw new UsageError('a service needs a gateway', 'give --gateway URL or set PAMCTL_GATEWAY')
  const connection = await startPrivateAgent(context.paths(), environment)
  const ca = context.authority()
  const token = variable(environment, 'PAMCTL_TOKEN')
  await connection.call('sign-in-service', {
    profile: profile ?? 'default',
    gateway,
    ...(ca === undefined ? {} : { ca }),
    ...(options.tokenFile === undefined ? { token: token ?? '' } : { tokenFile: options.tokenFile }),
  })
  return connection
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--ca: ${fileProblem(file, error)}`)
  }
}
