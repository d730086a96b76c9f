import { UsageError } from '../../shared/errors.ts'
import { visible } from '../../shared/visible.ts'

/** The target that a first configuration is written for. */
export interface FirstTarget {
  readonly type: 'postgres' | 'mysql' | 'ssh' | 'kubernetes' | 'http'
  readonly name: string
  readonly host: string
  /** undefined: the protocol's own. */
  readonly port: number | undefined
  /** The account that the gateway logs in with; undefined where the protocol has none. */
  readonly user: string | undefined
  readonly database: string | undefined
  /** As libpq's sslmode; undefined: verify-full. */
  readonly tls: string | undefined
  /** A file with the authority that signed the certificate of the target. */
  readonly ca: string | undefined
}

/** What a URL of the target looks like, for help and hints. */
export const TARGET_URLS =
  'postgres://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE, ssh://USER@HOST, kubernetes://HOST:6443, https://HOST or http://HOST'

/**
 * Reads a URL such as `postgres://pam_app@db.internal:5432/shop?sslmode=verify-full&sslrootcert=ca.crt`. Throws UsageError; its
 * message never contains a password.
 */
export function readTargetUrl(text: string, name: string): FirstTarget {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    throw new UsageError(`"${visible(withoutPassword(text))}" is not the URL of a target`, `write ${TARGET_URLS}`)
  }
  const form = FORMS[url.protocol]
  if (form === undefined)
    throw new UsageError(
      `the URL of the target: ${visible(url.protocol.slice(0, -1))} is not supported`,
      `write ${TARGET_URLS}`,
    )
  if (url.password !== '')
    throw new UsageError(
      'the URL of the target contains a password, which others on this machine can see',
      'leave it out: --credential says where the gateway reads it from',
    )
  const host = decoded(url.hostname).replace(/^\[(.*)\]$/, '$1')
  const user = decoded(url.username)
  const database = decoded(url.pathname.replace(/^\//, ''))
  const missing = [
    host === '' && 'a host',
    form.user === 'needed' && user === '' && 'a user',
    form.database && database === '' && 'a database',
  ].filter((what) => what !== false)
  if (missing.length > 0) throw new UsageError(`the URL of the target needs ${missing.join(' and ')}: ${form.example}`)
  if (form.user === 'none' && user !== '')
    throw new UsageError(
      `the URL of the target takes no user: ${form.example}`,
      '--credential says what the gateway signs in with',
    )
  if ((!form.database && database !== '') || url.hash !== '')
    throw new UsageError(`the URL of the target ends after host and port: ${form.example}`)
  return {
    type: form.type,
    name,
    host,
    port: url.port === '' ? undefined : Number(url.port),
    user: user === '' ? undefined : user,
    database: form.database ? database : undefined,
    ...tlsOf(url, form),
  }
}

/** A part of a URL; browsers' reading of URLs leaves a percent sign by itself as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new UsageError(
      'the URL of the target has a "%" that is no percent-encoded character',
      'write %25 for a percent sign',
    )
  }
}

/** Parameters have libpq's names, for every kind of target: PostgreSQL manual, 34.1.2. */
function tlsOf(url: URL, form: Form): Pick<FirstTarget, 'tls' | 'ca'> {
  let tls = url.protocol === 'http:' ? 'disable' : undefined
  let ca: string | undefined
  for (const [key, value] of url.searchParams) {
    if (key === 'sslmode' && form.tls && TLS_MODES.includes(value)) tls = value
    else if (key === 'sslmode' && form.tls)
      throw new UsageError(
        `the URL of the target: sslmode=${visible(value)} is not supported`,
        `write one of ${TLS_MODES.join(', ')}`,
      )
    else if (key === 'sslrootcert' && form.ca && value !== '') ca = value
    else
      throw new UsageError(
        `the URL of the target: the parameter ${visible(key)} is not supported here: ${form.example}`,
      )
  }
  return { tls, ca }
}

const TLS_MODES: readonly string[] = ['verify-full', 'verify-ca', 'require', 'disable']

interface Form {
  readonly type: FirstTarget['type']
  readonly user: 'needed' | 'none'
  readonly database: boolean
  readonly tls: boolean
  readonly ca: boolean
  readonly example: string
}

const postgres: Form = {
  type: 'postgres',
  user: 'needed',
  database: true,
  tls: true,
  ca: true,
  example: 'postgres://pam_app@db.example.com/shop?sslmode=verify-full&sslrootcert=ca.crt',
}
const http: Form = {
  type: 'http',
  user: 'none',
  database: false,
  tls: false,
  ca: true,
  example: 'https://billing.example.com',
}
/** By scheme. */
const FORMS: Readonly<Record<string, Form>> = {
  'postgres:': postgres,
  'postgresql:': postgres,
  'mysql:': { ...postgres, type: 'mysql', example: 'mysql://pam_app@db.example.com/shop?sslmode=verify-full' },
  'ssh:': {
    type: 'ssh',
    user: 'needed',
    database: false,
    tls: false,
    ca: false,
    example: 'ssh://deploy@web.example.com',
  },
  'kubernetes:': { ...http, type: 'kubernetes', example: 'kubernetes://api.example.com:6443?sslrootcert=ca.crt' },
  'https:': http,
  'http:': http,
}

/** Whatever stands where a URL has its password. */
const withoutPassword = (text: string): string => text.replace(/:[^:@/]*@/, ':…@')
