import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { isSecretReference } from '../../credentials/secret-reference.ts'
import { PamError, UsageError } from '../../shared/errors.ts'
import { fileProblem } from '../../shared/file-problem.ts'
import { targetShape } from '../../protocols/target-shape.ts'
import { visible } from '../../shared/visible.ts'
import { parseConfig } from '../config/config.ts'
import { firstConfig, type FirstAnswers } from './first-config.ts'
import { TARGET_URLS, readTargetUrl, type FirstTarget } from './first-target.ts'
import type { Questions } from './questions.ts'

/** The options of `pam-gateway init`; what is left out is asked for, where there is a terminal. */
export interface InitOptions {
  readonly output: string
  readonly publicUrl?: string
  readonly certificate?: string
  readonly key?: string
  readonly behindProxy?: boolean
  readonly dataDirectory?: string
  readonly issuer?: string
  readonly issuerCa?: string
  readonly clientId?: string
  readonly users?: string
  readonly approvers?: string
  readonly auditors?: string
  readonly target?: string
  readonly name?: string
  readonly credential?: string
  readonly knownHosts?: string
}

/**
 * `pam-gateway init`: writes a first configuration from the answers to a handful of questions. It replaces no file, and writes nothing
 * that `pam-gateway check` would find fault with. A secret that is typed goes into a file of its own, mode 0600. `questions` is
 * undefined where nobody can be asked.
 */
export async function initConfig(
  options: InitOptions,
  questions: Questions | undefined,
  say: (text: string) => void,
): Promise<void> {
  if (existsSync(options.output))
    throw new UsageError(`${options.output} exists and is not replaced`, 'name another file with --output')
  const ask = questions === undefined ? nobody : questions.ask
  const publicUrl = checked(
    PUBLIC_URL,
    options.publicUrl ??
      (await ask('publicUrl', PUBLIC_URL, 'https://pam.example.com', (text) => checked(PUBLIC_URL, text))),
  )
  const tls = await tlsFiles(options, publicUrl, questions)
  const issuer = checked(ISSUER, options.issuer ?? (await ask('issuer', ISSUER, '', (text) => checked(ISSUER, text))))
  const { target, credential, typed } = await firstTarget(options, questions)
  const answers: FirstAnswers = {
    publicUrl: publicUrl.replace(/\/$/, ''),
    tls,
    dataDirectory: options.dataDirectory ?? 'pam-data',
    issuer,
    issuerCa: options.issuerCa,
    clientId: options.clientId ?? 'pamctl',
    users: options.users ?? (await ask('users', 'the group whose members may request access', 'engineering')),
    approvers: options.approvers ?? (await ask('approvers', 'the group whose members approve', 'sre')),
    auditors: options.auditors ?? (await ask('auditors', 'the group whose members read records', 'security')),
    target,
    credential,
    knownHosts: options.knownHosts,
  }
  const text = firstConfig(answers)
  // It would be a fault of this program, and better said before the file is there.
  parseConfig(text, options.output)
  if (typed !== undefined) writeNew(join(dirname(options.output), credential.slice('file:'.length)), typed, 0o600)
  writeNew(options.output, text, 0o644)
  say(nextSteps(options.output, answers, typed !== undefined))
}

const PUBLIC_URL = 'the URL that people will use for the gateway'
const ISSUER = 'the URL of your OpenID provider, as it names itself'

function nobody(option: string): Promise<never> {
  const flag = `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  return Promise.reject(
    new UsageError(
      `${flag} is missing, and there is no terminal to ask on`,
      'pam-gateway init --help lists all options',
    ),
  )
}

/** A URL of http or https with nothing but a host and, of issuers, a path. */
function checked(what: string, text: string): string {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new UsageError(`${what}: "${visible(text)}" is not a URL`, 'begin it with https://')
  }
  const isLoopback = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback))
    throw new UsageError(`${what} must begin with https://`, 'http:// is allowed only for addresses of this machine')
  const isBare = url.search === '' && url.hash === '' && url.username === '' && url.password === ''
  if (!isBare || (what === PUBLIC_URL && url.pathname !== '/'))
    throw new UsageError(`${what} must not have more than ${what === PUBLIC_URL ? 'a host and a port' : 'a path'}`)
  return text
}

async function tlsFiles(
  { certificate, key, behindProxy }: InitOptions,
  publicUrl: string,
  questions: Questions | undefined,
): Promise<FirstAnswers['tls']> {
  if ((certificate === undefined) !== (key === undefined))
    throw new UsageError('give --certificate and --key together, or neither')
  if (certificate !== undefined && key !== undefined) {
    if (behindProxy === true) throw new UsageError('--behind-proxy and --certificate exclude each other')
    if (publicUrl.startsWith('http:'))
      throw new UsageError('--certificate needs a --public-url that begins with https://')
    return { certificate, key }
  }
  if (behindProxy === true || publicUrl.startsWith('http:')) return undefined
  if (questions === undefined)
    throw new UsageError(
      'an https URL needs --certificate and --key, or --behind-proxy',
      'pam-gateway init --help lists all options',
    )
  return questions.tls()
}

async function firstTarget(
  options: InitOptions,
  questions: Questions | undefined,
): Promise<{ target: FirstTarget; credential: string; typed: string | undefined }> {
  const ask = questions === undefined ? nobody : questions.ask
  const url =
    options.target ?? (await ask('target', `the first target: ${TARGET_URLS}`, '', (text) => readTargetUrl(text, '')))
  const name = checkedName(options.name ?? (await ask('name', 'what people call it', nameOf(url), checkedName)))
  const target = readTargetUrl(url, name)
  if (options.credential !== undefined) {
    if (!isSecretReference(options.credential))
      throw new UsageError(
        '--credential must be env:NAME or file:PATH: a secret itself does not belong on a command line',
      )
    return { target, credential: options.credential, typed: undefined }
  }
  const variable = `env:${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}_${SECRETS[target.type].toUpperCase()}`
  if (questions === undefined) return { target, credential: variable, typed: undefined }
  if (target.type === 'ssh') {
    const path = await questions.ask('credential', `the file with the private key for ${name}`, '')
    return { target, credential: path === '' ? variable : `file:${resolve(path)}`, typed: undefined }
  }
  const typed = await questions.secret(
    `the ${SECRETS[target.type]} for ${name} (or env:NAME, file:PATH; Enter: ${variable})`,
  )
  if (typed === '') return { target, credential: variable, typed: undefined }
  // A reference, as the option takes it, is not the secret itself.
  if (isSecretReference(typed)) return { target, credential: typed, typed: undefined }
  return { target, credential: `file:secrets/${name}`, typed }
}

/** A name of a target, as the configuration takes it. */
function checkedName(text: string): string {
  const problem = targetShape.name.safeParse(text).error?.issues[0]?.message
  if (problem !== undefined) throw new UsageError(`the name "${visible(text)}": ${problem}`, 'for example prod-db')
  return text
}

/** What opens a target, by its type. */
const SECRETS: Readonly<Record<FirstTarget['type'], 'password' | 'key' | 'token'>> = {
  postgres: 'password',
  mysql: 'password',
  ssh: 'key',
  kubernetes: 'token',
  http: 'token',
}

/** A name to suggest: the database, or the first label of the host. */
function nameOf(url: string): string {
  const { host, database } = readTargetUrl(url, '')
  return (database ?? host.split('.')[0] ?? '').toLowerCase().replace(/[^a-z0-9-]/g, '-')
}

function writeNew(path: string, text: string, mode: number): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    writeFileSync(path, text, { mode, flag: 'wx' })
  } catch (error) {
    throw new PamError('USAGE', fileProblem(path, error, 'written'))
  }
}

function nextSteps(file: string, { publicUrl, clientId, credential }: FirstAnswers, isTyped: boolean): string {
  const [, variable] = /^env:(.*)$/.exec(credential) ?? []
  return `${file} is written${isTyped ? `, and ${credential.slice('file:'.length)} beside it, readable by you alone` : ''}

At the identity provider register a public client ${clientId} with
  the device authorization grant and refresh tokens
  the redirect URI ${publicUrl}/auth/callback
  ID tokens that carry groups, email and auth_time

Then:
${variable === undefined ? '' : `  export ${variable}=…\n`}  pam-gateway check --config ${file} --connect
  pam-gateway start --config ${file}
`
}
