import { stringify } from 'yaml'
import { documentPath } from '../../shared/own-program.ts'
import type { FirstTarget } from './first-target.ts'

/** What a first configuration is made of. */
export interface FirstAnswers {
  /** The URL that people use. */
  readonly publicUrl: string
  /** PEM files; undefined: a reverse proxy on this machine ends TLS, or nobody but this machine is served. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined
  readonly dataDirectory: string
  readonly issuer: string
  /** A file with the authority that signed its certificate; undefined: the public ones. */
  readonly issuerCa: string | undefined
  readonly clientId: string
  /** Groups, as the identity provider names them. */
  readonly users: string
  readonly approvers: string
  readonly auditors: string
  readonly target: FirstTarget
  /** env:NAME or file:PATH of the password, the private key or the token. */
  readonly credential: string
  /** SSH: a file with the host keys of the target; undefined: the first key seen is kept. */
  readonly knownHosts: string | undefined
}

/** Where the gateway listens behind a reverse proxy, as in the documents. */
const PROXIED_PORT = 8443
const OPERATIONS_PORT = 9464

/** The text of a configuration file that loads without a warning as soon as what it names is there. */
export function firstConfig(answers: FirstAnswers): string {
  const { publicUrl, dataDirectory, issuer, issuerCa, clientId, users, approvers, auditors, target } = answers
  return `# pam-gateway reads this file; ${documentPath('configuration.md')} lists every key.
# Check a change before it takes effect:
#   pam-gateway check --config FILE --connect
${listen(answers)}publicUrl: ${scalar(publicUrl)}
dataDirectory: ${scalar(dataDirectory)}

identity:
  issuers:
    - url: ${scalar(issuer)}
      for: people
      clientId: ${scalar(clientId)}${issuerCa === undefined ? '' : `\n      ca: ${scalar(issuerCa)}`}

roles:
  # Reads every record and the audit log.
  audit: [${scalar(auditors)}]
  # Ends sessions and revokes grants.
  operate: [${scalar(approvers)}]

targets:
${targetText(answers)}
access:
  - name: on request
    who: { groups: [${scalar(users)}] }
    targets: { names: [${scalar(target.name)}] }
    grant: request
    maxDuration: 1h
    approvers: { groups: [${scalar(approvers)}], count: 1 }

# From top to bottom: the first rule that matches decides, and what no rule allows is denied.
commands:
${COMMANDS[target.type](`{ approvers: { groups: [${scalar(approvers)}] }, expires: 15m }`)}
masking:
${MASKED_COLUMNS[target.type] ?? ''}  - name: personal data
    kinds: [email, payment-card]
    style: partial
${target.type === 'kubernetes' ? SECRETS_MASK : ''}`
}

function listen({ publicUrl, tls }: FirstAnswers): string {
  const { protocol, port } = new URL(publicUrl)
  const operations = `  # For metrics and readiness, without sign-in:
  # operations: { host: 127.0.0.1, port: ${OPERATIONS_PORT} }
`
  if (tls !== undefined)
    return `listen:
  host: 0.0.0.0
  port: ${port === '' ? 443 : port}
  tls: { certificate: ${scalar(tls.certificate)}, key: ${scalar(tls.key)} }
${operations}`
  const isProxied = protocol === 'https:'
  return `listen:
${isProxied ? '  # A reverse proxy on this machine ends TLS and forwards to this address.\n' : ''}  host: 127.0.0.1
  port: ${isProxied || port === '' ? PROXIED_PORT : port}
${operations}`
}

function targetText({ target, credential, knownHosts }: FirstAnswers): string {
  const { type, name, host, port, database, user, tls, ca } = target
  const lines = [
    `name: ${scalar(name)}`,
    `type: ${type}`,
    `host: ${scalar(host)}`,
    port !== undefined && `port: ${port}`,
    database !== undefined && `database: ${scalar(database)}`,
    user !== undefined && type !== 'ssh' && `user: ${scalar(user)}`,
    tls !== undefined && `tls: ${tls}`,
    ca !== undefined && `ca: ${scalar(ca)}`,
    ...credentialLines(target, credential),
    ...(type === 'ssh' ? [hostKey(knownHosts)] : []),
  ]
  return lines
    .filter((line) => line !== false)
    .map((line, index) => `${index === 0 ? '  - ' : '    '}${line}\n`)
    .join('')
}

function credentialLines({ type, user = '' }: FirstTarget, credential: string): string[] {
  if (type === 'ssh') return ['logins:', `  - { name: ${scalar(user)}, privateKey: ${scalar(credential)} }`]
  if (type === 'kubernetes') return [`token: ${scalar(credential)}`]
  if (type === 'http') return [`credential: { type: bearer, token: ${scalar(credential)} }`]
  return [`password: ${scalar(credential)}`]
}

const hostKey = (knownHosts: string | undefined): string =>
  knownHosts === undefined
    ? 'trustOnFirstUse: true # better: knownHosts, a file with the host keys of the target'
    : `knownHosts: ${scalar(knownHosts)}`

/** What masking by what values look like cannot do. */
const BY_COLUMN = `  # By what values look like: a function that changes a value gets round it. For columns that hold personal data, name them; then
  # statements that would show or copy a part of them are refused as well:
  #   columns: [customers.email, customers.card_number]
`
const MASKED_COLUMNS: Readonly<Partial<Record<FirstTarget['type'], string>>> = { postgres: BY_COLUMN, mysql: BY_COLUMN }

const sqlCommands = (hold: string): string => `  - { use: no-blind-writes }
  - { use: no-privilege-change }
  - { use: ddl-needs-approval, hold: ${hold} }
  - { use: everyday }
`

/** Rules to begin with, by type of the target; `hold` is what a rule that holds needs. */
const COMMANDS: Readonly<Record<FirstTarget['type'], (hold: string) => string>> = {
  postgres: sqlCommands,
  mysql: sqlCommands,
  ssh: (hold) => `  - name: looking around
    match: { commands: [pwd, whoami, uptime, "df ...", "free ...", "ps ...", "ls ..."] }
    allow: true
  - name: a person decides on shells
    match: { kinds: [shell] }
    hold: ${hold}
  - name: a person decides on all other commands
    match: { unknown: true }
    hold: ${hold}
`,
  kubernetes: (hold) => `  - { use: no-secrets }
  - { use: no-privileged-pods }
  - { use: no-rbac-change }
  - { use: deletes-need-approval, hold: ${hold} }
  - { use: everyday }
`,
  http: (hold) => `  - { use: no-admin-paths }
  - name: reading
    match: { methods: [GET, HEAD, OPTIONS] }
    allow: true
  - name: a person decides on requests that change something
    match: { methods: [POST, PUT, PATCH, DELETE] }
    hold: ${hold}
`,
}

const SECRETS_MASK = `  - name: contents of Secrets
    fields: ["secrets:data.*"]
    style: redact
`

/** A YAML scalar that a flow sequence or mapping may contain. */
function scalar(value: string): string {
  const plain = stringify(value, { lineWidth: 0 }).trimEnd()
  return /[,[\]{}#&*!|>'"%@`]|: |^[-?:]|\n/.test(plain) ? JSON.stringify(value) : plain
}
