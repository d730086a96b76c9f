import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hashPassword } from '../evaluation-idp/people.ts'
import { CLUSTER_ACCOUNT } from './local-kubernetes.ts'
import type { LocalSshd } from './local-sshd.ts'
import { DEMO_ACCOUNT } from './sample-data.ts'
import { samlIdentity, type SamlPorts } from './saml-sign-in.ts'

export const DEMO_PEOPLE = {
  jane: { email: 'jane@example.com', password: 'jane-demo', what: 'an engineer: works on dev-db, asks for prod-db' },
  bob: { email: 'bob@example.com', password: 'bob-demo', what: 'an approver (sre)' },
  alice: { email: 'alice@example.com', password: 'alice-demo', what: 'an auditor: sees every session' },
} as const

export const DEMO_SERVICE = { id: 'ci-deploy', secret: 'ci-deploy-demo' } as const

/** Writes the demo's configuration, people and secrets; returns the configuration's path. */
export async function writeDemoConfig(directory: string, ports: DemoPorts): Promise<string> {
  writeFileSync(join(directory, 'target-password'), `${DEMO_ACCOUNT.password}\n`, { mode: 0o600 })
  if (ports.kubernetes !== undefined)
    writeFileSync(join(directory, 'cluster-token'), `${ports.kubernetes.token}\n`, { mode: 0o600 })
  if (ports.billing !== undefined)
    writeFileSync(join(directory, 'billing-token'), `${ports.billing.token}\n`, { mode: 0o600 })
  const people = await Promise.all(
    [
      { id: 'jane', name: 'Jane Doe', groups: ['engineering'] },
      { id: 'bob', name: 'Bob Stone', groups: ['sre', 'engineering'] },
      { id: 'alice', name: 'Alice Gray', groups: ['audit'] },
    ].map(async ({ id, name, groups }) => {
      const { email, password } = DEMO_PEOPLE[id as keyof typeof DEMO_PEOPLE]
      return `  - { id: ${id}, email: ${email}, name: ${name}, groups: [${groups.join(', ')}], password: "${await hashOf(password)}" }`
    }),
  )
  const services = `services:\n  - { id: ${DEMO_SERVICE.id}, groups: [ci], secret: "${await hashOf(DEMO_SERVICE.secret)}" }`
  writeFileSync(join(directory, 'people.yaml'), `people:\n${people.join('\n')}\n${services}\n`, { mode: 0o600 })
  const config = join(directory, 'pam.yaml')
  writeFileSync(config, demoConfig(ports), { mode: 0o600 })
  return config
}

/** Everybody may read these passwords above: there is nothing to make hard to guess. */
const DEMO_COST = 16

/** Made once: tests write many of these files. */
const hashes = new Map<string, Promise<string>>()

function hashOf(password: string): Promise<string> {
  const hash = hashes.get(password) ?? hashPassword(password, DEMO_COST)
  hashes.set(password, hash)
  return hash
}

export interface DemoPorts {
  readonly gatewayPort: number
  /** Of the built-in OpenID provider; undefined: any free one. */
  readonly providerPort?: number | undefined
  readonly postgresPort: number
  /** Where there is a MariaDB. */
  readonly mariadbPort?: number | undefined
  /** Where there is a Kubernetes API server: its port, the file of its authority, and the token for it. */
  readonly kubernetes?: { readonly port: number; readonly ca: string; readonly token: string } | undefined
  /** Where an sshd runs: how to sign in to it. */
  readonly sshd?: Pick<LocalSshd, 'port' | 'user' | 'hostKey' | 'keyFile'> | undefined
  /** Where the billing service runs: its port, and the token for it. */
  readonly billing?: { readonly port: number; readonly token: string } | undefined
  /** Where people sign in with SAML, in place of the gateway's built-in provider. */
  readonly saml?: SamlPorts | undefined
}

const demoConfig = ({
  gatewayPort,
  providerPort,
  postgresPort,
  mariadbPort,
  kubernetes,
  sshd,
  billing,
  saml,
}: DemoPorts): string => `# The demo: each promise has a rule that shows it.
listen: { host: 127.0.0.1, port: ${gatewayPort} }
dataDirectory: data
logLevel: info
${saml === undefined ? builtInIdentity(providerPort) : samlIdentity(saml)}roles:
  audit: [audit]
  operate: [sre]

targets:
  - name: prod-db
    type: postgres
    labels: { env: prod }
    host: 127.0.0.1
    port: ${postgresPort}
    database: app
    user: ${DEMO_ACCOUNT.user}
    password: file:target-password
    tls: disable
  - name: dev-db
    type: postgres
    labels: { env: dev }
    host: 127.0.0.1
    port: ${postgresPort}
    database: app_dev
    user: ${DEMO_ACCOUNT.user}
    password: file:target-password
    tls: disable
${mariadbPort === undefined ? '' : shopTarget(mariadbPort)}${kubernetes === undefined ? '' : clusterTarget(kubernetes)}${sshd === undefined ? '' : webTarget(sshd)}${billing === undefined ? '' : billingTarget(billing.port)}
access:
  - name: development is open to engineers
    who: { groups: [engineering] }
    targets: { labels: { env: dev } }
    grant: standing
  - name: production on request
    who: { groups: [engineering, ci] }
    targets: { labels: { env: prod } }
    grant: request
    maxDuration: 1h
    approvers: { groups: [sre], count: 1 }
${mariadbPort === undefined ? '' : SHOP_ACCESS}${kubernetes === undefined ? '' : CLUSTER_ACCESS}${sshd === undefined ? '' : WEB_ACCESS}${billing === undefined ? '' : BILLING_ACCESS}
commands:
  - name: writes need a WHERE
    targets: { labels: { env: prod } }
    match: { kinds: [delete, update], missingWhere: true }
    deny: UPDATE and DELETE without WHERE are not allowed on env=prod
    hint: add a WHERE clause
  - name: a person decides on what cannot be undone
    targets: { labels: { env: prod } }
    match: { kinds: [truncate, drop-*, alter-*, create-*, rename, grant, grant-role] }
    hold: { approvers: { groups: [sre] }, expires: 15m }
  - name: everyday work
    targets: { labels: { env: prod } }
    match:
      kinds: [select, select-for-update, insert, update, delete, merge, explain, copy-to, copy-from, declare-cursor, fetch, move,
        close-cursor, begin, start, commit, rollback, savepoint, release, rollback-to, set, reset, show, prepare, execute, deallocate, discard,
        set-constraints, lock, analyze, vacuum]
    allow: true
  - name: anything goes in development
    targets: { labels: { env: dev } }
    match: { unknown: true }
    allow: true
${mariadbPort === undefined ? '' : SHOP_COMMANDS}${kubernetes === undefined ? '' : CLUSTER_COMMANDS}${sshd === undefined ? '' : WEB_COMMANDS}${billing === undefined ? '' : BILLING_COMMANDS}
masking:
  - name: how to reach and charge customers
    targets: { labels: { env: prod } }
    columns: [customers.email, customers.card_number, customers.phone]
    kinds: [email, payment-card]
    style: partial
${mariadbPort === undefined ? '' : SHOP_MASKING}${kubernetes === undefined ? '' : CLUSTER_MASKING}${sshd === undefined ? '' : WEB_MASKING}${billing === undefined ? '' : BILLING_MASKING}`

const builtInIdentity = (port: number | undefined): string => `identity:
  evaluation: { people: people.yaml${port === undefined ? '' : `, port: ${port}`} }
`

const shopTarget = (port: number): string => `  - name: shop-mysql
    type: mysql
    labels: { env: shop }
    host: 127.0.0.1
    port: ${port}
    database: shop
    user: ${DEMO_ACCOUNT.user}
    password: file:target-password
    tls: disable
`
const SHOP_ACCESS = `  - name: the shop is open to engineers
    who: { groups: [engineering] }
    targets: { labels: { env: shop } }
    grant: standing
`
const SHOP_COMMANDS = `  - { use: no-blind-writes, targets: { labels: { env: shop } } }
  - name: a person decides on what cannot be undone in the shop
    targets: { labels: { env: shop } }
    match: { kinds: [truncate, drop-*, alter-*] }
    hold: { approvers: { groups: [sre] }, expires: 15m }
  - { use: everyday, targets: { labels: { env: shop } } }
`
const SHOP_MASKING = `  - name: how to reach and charge customers of the shop
    targets: { labels: { env: shop } }
    columns: [customers.email, customers.card_number]
    kinds: [email, payment-card]
    style: partial
`

const clusterTarget = ({ port, ca }: { readonly port: number; readonly ca: string }): string => `  - name: shop-k8s
    type: kubernetes
    labels: { env: cluster }
    host: 127.0.0.1
    port: ${port}
    ca: ${ca}
    account: ${CLUSTER_ACCOUNT}
    token: file:cluster-token
    impersonate: {}
`
const CLUSTER_ACCESS = `  - name: the cluster is open to engineers
    who: { groups: [engineering] }
    targets: { labels: { env: cluster } }
    grant: standing
`
const CLUSTER_COMMANDS = `  - name: Secrets stay
    targets: { labels: { env: cluster } }
    match: { kinds: [delete, deletecollection], resources: [secrets] }
    deny: Secrets are not deleted on env=cluster
  - name: a person decides on deletions in the cluster
    targets: { labels: { env: cluster } }
    match: { kinds: [delete, deletecollection] }
    hold: { approvers: { groups: [sre] }, expires: 15m }
  - name: Secrets are seen without their contents
    targets: { labels: { env: cluster } }
    match: { kinds: [get, list, watch], resources: [secrets] }
    allow: true
  - { name: everyday work in the cluster, use: everyday, targets: { labels: { env: cluster } } }
`
const CLUSTER_MASKING = `  - name: contents of Secrets
    targets: { labels: { env: cluster } }
    fields: ["secrets:data.*"]
    style: redact
`

const webTarget = ({ port, user, hostKey, keyFile }: NonNullable<DemoPorts['sshd']>): string => `  - name: web-1
    type: ssh
    labels: { env: web }
    host: 127.0.0.1
    port: ${port}
    hostKeys: ["${hostKey}"]
    logins:
      - { name: "${user}", privateKey: "file:${keyFile}", shell: sh }
`
const WEB_ACCESS = `  - name: the web server is open to engineers
    who: { groups: [engineering] }
    targets: { labels: { env: web } }
    grant: standing
`
const WEB_COMMANDS = `  - name: nothing is removed on the web server
    targets: { labels: { env: web } }
    match: { programs: [rm, rmdir, shred, unlink] }
    deny: files are not removed on env=web
  - name: a person decides on restarts
    targets: { labels: { env: web } }
    match: { commands: ["systemctl restart *"] }
    hold: { approvers: { groups: [sre] }, expires: 15m }
  - name: looking at the web server
    targets: { labels: { env: web } }
    match: { commands: [uptime, "cat shop.log"] }
    allow: true
`
const WEB_MASKING = `  - name: how to reach and charge customers in logs
    targets: { labels: { env: web } }
    kinds: [email, payment-card]
    style: partial
`

const billingTarget = (port: number): string => `  - name: billing
    type: http
    labels: { env: billing }
    host: 127.0.0.1
    port: ${port}
    tls: disable
    credential: { type: bearer, token: file:billing-token }
`
const BILLING_ACCESS = `  - name: billing is open to engineers
    who: { groups: [engineering] }
    targets: { labels: { env: billing } }
    grant: standing
`
const BILLING_COMMANDS = `  - name: no refunds
    targets: { labels: { env: billing } }
    match: { routes: ["/api/orders/{id}/refunds"] }
    deny: refunds are made by the finance team
  - name: a person decides on orders that are deleted
    targets: { labels: { env: billing } }
    match: { methods: [DELETE], routes: ["/api/orders/{id}"] }
    hold: { approvers: { groups: [sre] }, expires: 15m }
  - name: reading of billing
    targets: { labels: { env: billing } }
    match: { methods: [GET] }
    allow: true
  - name: placing orders
    targets: { labels: { env: billing } }
    match: { methods: [POST], routes: [/api/orders] }
    allow: true
`
const BILLING_MASKING = `  - name: how to reach and charge customers of billing
    targets: { labels: { env: billing } }
    kinds: [email, payment-card]
    style: partial
`
