import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort, startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { fetchWithCa } from '../../src/shared/fetch-with-ca.ts'
import { makeCertificates, type TestCertificates } from '../helpers/certificates.ts'
import { BROWSER_FLAGS, BROWSER_PROGRAM } from '../helpers/dashboard.ts'
import { FormBrowser } from '../helpers/form-browser.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { hostGateway } from '../helpers/hosted-gateway.ts'
import { startKeycloak, type Keycloak } from '../helpers/keycloak.ts'
import { OPENSSL, PSQL, ROOT, run, type Outcome } from '../helpers/run.ts'
import { KEYCLOAK } from '../helpers/test-clients.ts'

/**
 * Follows docs/quickstart.md as it is printed, with other hosts, ports and paths: a fresh PostgreSQL, a Keycloak behind a
 * private authority, and the two programs.
 */
const page = readFileSync(join(ROOT, 'docs', 'quickstart.md'), 'utf8')
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp('```' + language + '\\n([\\s\\S]*?)```', 'g'))].map(([, text = '']) => text)
/** The printed command lines, without what a shell takes for a comment. */
const commandLines = (index: number): string[] =>
  (blocks('sh')[index] ?? '')
    .trim()
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, ''))

const PEOPLE = {
  jane: ['engineering'],
  bob: ['sre', 'engineering'],
  zoe: [],
} as const
type Who = keyof typeof PEOPLE
const passwordOf = (who: Who): string => `${who}-password`

/** What docs/identity/keycloak.md has people do, and a client that may sign people out. */
const realm = (gatewayPort: number, samlPort: number) => ({
  realm: 'shop',
  enabled: true,
  groups: [{ name: 'engineering' }, { name: 'sre' }],
  users: [
    ...Object.entries(PEOPLE).map(([username, groups]) => ({
      username,
      enabled: true,
      email: `${username}@example.com`,
      emailVerified: true,
      firstName: username,
      lastName: 'Doe',
      groups: groups.map((group) => `/${group}`),
      realmRoles: ['default-roles-shop'],
      credentials: [{ type: 'password', value: passwordOf(username as Who) }],
    })),
    {
      username: 'service-account-ops',
      enabled: true,
      serviceAccountClientId: 'ops',
      clientRoles: { 'realm-management': ['manage-users', 'view-users', 'query-users', 'view-clients'] },
    },
  ],
  clients: [
    {
      clientId: 'pamctl',
      publicClient: true,
      redirectUris: [`https://localhost:${gatewayPort}/auth/callback`],
      frontchannelLogout: false,
      attributes: {
        'oauth2.device.authorization.grant.enabled': 'true',
        'backchannel.logout.url': `https://localhost:${gatewayPort}/auth/backchannel-logout`,
        'backchannel.logout.session.required': 'true',
        'backchannel.logout.revoke.offline.tokens': 'true',
      },
      protocolMappers: [
        mapper('oidc-group-membership-mapper', 'groups', { 'full.path': 'false', 'id.token.claim': 'true' }),
      ],
    },
    {
      clientId: `https://localhost:${samlPort}/auth/saml/keycloak/metadata`,
      protocol: 'saml',
      frontchannelLogout: true,
      redirectUris: [`https://localhost:${samlPort}/auth/saml/keycloak/acs`],
      attributes: {
        'saml.server.signature': 'true',
        'saml.assertion.signature': 'true',
        'saml.signature.algorithm': 'RSA_SHA256',
        'saml.client.signature': 'false',
        'saml.authnstatement': 'true',
        'saml.force.post.binding': 'true',
        saml_name_id_format: 'persistent',
        saml_force_name_id_format: 'true',
        saml_assertion_consumer_url_post: `https://localhost:${samlPort}/auth/saml/keycloak/acs`,
        saml_single_logout_service_url_post: `https://localhost:${samlPort}/auth/saml/keycloak/slo`,
      },
      protocolMappers: [
        samlMapper('saml-group-membership-mapper', 'groups', { single: 'true', 'full.path': 'false' }),
        samlMapper('saml-user-property-mapper', 'email', { 'user.attribute': 'email' }),
      ],
    },
    { clientId: 'ops', secret: 'ops-secret', serviceAccountsEnabled: true },
    {
      clientId: 'ci',
      secret: 'ci-secret',
      serviceAccountsEnabled: true,
      protocolMappers: [
        mapper('oidc-hardcoded-claim-mapper', 'repository', {
          'claim.value': 'example/shop',
          'access.token.claim': 'true',
        }),
        {
          ...mapper('oidc-audience-mapper', '', {
            'included.custom.audience': 'pam.example.com',
            'access.token.claim': 'true',
          }),
          name: 'audience',
        },
      ],
    },
  ],
})

const mapper = (protocolMapper: string, claim: string, config: Record<string, string>) => ({
  name: claim,
  protocol: 'openid-connect',
  protocolMapper,
  config: { 'claim.name': claim, ...config },
})

const samlMapper = (protocolMapper: string, attribute: string, config: Record<string, string>) => ({
  name: attribute,
  protocol: 'saml',
  protocolMapper,
  config: { 'attribute.name': attribute, 'attribute.nameformat': 'Basic', ...config },
})

describe.skipIf(!KEYCLOAK || !OPENSSL || !PSQL || BROWSER_PROGRAM === undefined)('the quickstart, as printed', () => {
  let directory: string
  let tls: TestCertificates
  let postgres: LocalPostgres
  let keycloak: Keycloak
  let gateway: RunningGateway | undefined
  let browser: Browser
  let config: string
  let gatewayPort: number
  let samlPort: number
  const environment: NodeJS.ProcessEnv = { PROD_DB_PASSWORD: 'from a password manager', NO_COLOR: '1' }

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-quickstart-'))
    tls = makeCertificates(join(directory, 'tls'))
    const bin = join(directory, 'bin')
    mkdirSync(bin, { recursive: true })
    for (const name of ['pamctl', 'pam-gateway'])
      writeFileSync(join(bin, name), `#!/bin/sh\nexec ${process.execPath} ${join(ROOT, 'bin', `${name}.js`)} "$@"\n`, {
        mode: 0o755,
      })
    gatewayPort = await freePort()
    samlPort = await freePort()
    const [certificate, key] = [readFileSync(tls.certificate, 'utf8'), readFileSync(tls.key, 'utf8')]
    ;[keycloak, postgres] = await Promise.all([
      startKeycloak(realm(gatewayPort, samlPort), tls),
      startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-test-pg-')), tls: { certificate, key } }),
    ])
    browser = await chromium.launch({ executablePath: BROWSER_PROGRAM as string, args: BROWSER_FLAGS })
    writeFileSync(join(directory, 'tls', 'gateway.crt'), certificate)
    writeFileSync(join(directory, 'tls', 'gateway.key'), key, { mode: 0o600 })
    writeFileSync(join(directory, 'tls', 'internal-ca.crt'), readFileSync(tls.ca))
    config = join(directory, 'pam.yaml')
    writeFileSync(
      config,
      (blocks('yaml')[0] ?? '')
        .replaceAll('https://idp.example.com/realms/shop', keycloak.issuer)
        .replaceAll('https://ci.example.com', keycloak.issuer)
        .replace('      # ca: ', '      ca: ')
        .replace('audience: ', 'ca: tls/internal-ca.crt\n      audience: ')
        .replaceAll('pam.example.com:8443', `localhost:${gatewayPort}`)
        .replace('port: 8443', `port: ${gatewayPort}`)
        .replace('/var/lib/pam-gateway', 'data')
        .replace('host: db.internal.example.com', `host: localhost\n    port: ${postgres.port}`),
    )
  }, 300_000)
  afterAll(async () => {
    // Each home that somebody signed in with has an agent.
    for (const home of readdirSync(directory).filter((name) => name.startsWith('home-')))
      await shell('pamctl agent stop', homeOf(home.slice('home-'.length)))
    await browser?.close()
    await gateway?.stop('SIGTERM')
    await keycloak?.stop()
    await postgres?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  const url = (): string => `https://localhost:${gatewayPort}`
  const superuser = async (database: string): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port: postgres.port, ...postgres.superuser, database })
    await client.connect()
    return client
  }

  /** A line as it is printed, in a shell in which both programs are found by their names. */
  function shell(line: string, env: NodeJS.ProcessEnv, input = ''): Promise<Outcome> {
    const bin = join(directory, 'bin')
    return run('bash', ['-c', line.replaceAll('https://pam.example.com:8443', url()).replace('pam.yaml', config)], {
      cwd: directory,
      input,
      env: { ...environment, PATH: `${bin}:${process.env['PATH']}`, ...env },
    })
  }
  const homeOf = (who: string): NodeJS.ProcessEnv => ({
    PAMCTL_HOME: join(directory, `home-${who}`),
    PAMCTL_SECRET_STORE: 'file',
    PAMCTL_CA: tls.ca,
  })

  async function enterPassword(tab: Page, who: Who): Promise<void> {
    await tab.locator('#username').fill(who)
    await tab.locator('#password').fill(passwordOf(who))
    await tab.locator('#kc-login').click()
  }

  async function newContext(): Promise<BrowserContext> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    context.setDefaultTimeout(60_000)
    return context
  }

  /** `pamctl login`, its link opened in a browser. */
  async function login(who: Who): Promise<string> {
    const child = spawn(
      process.execPath,
      [join(ROOT, 'bin', 'pamctl.js'), 'login', '--gateway', url(), '--no-browser'],
      { env: { ...process.env, ...environment, ...homeOf(who) }, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve))
    const [, link = '', code = ''] = await eventually(
      () => /Open (\S+) and enter\s+(\S+)/.exec(output) ?? (child.exitCode === null ? undefined : ['', '', output]),
      'the code',
    )
    expect(link).toMatch(/^https:/)
    const context = await newContext()
    const tab = await context.newPage()
    await tab.goto(link)
    await tab.locator('[name=device_user_code]').fill(code)
    await tab.locator('#kc-login').click()
    await enterPassword(tab, who)
    await tab.locator('[name=accept]').click()
    expect([await closed, output]).toEqual([0, output])
    await context.close()
    return output
  }

  /** Decides what waits next, while the work that waits for it goes on. */
  async function approveNext(work: Promise<Outcome>): Promise<void> {
    let ended: Outcome | undefined
    void work.then((outcome) => (ended = outcome))
    const id = await eventually(async () => {
      if (ended !== undefined) throw new Error(`ended before it was decided: ${JSON.stringify(ended)}`)
      const listed = await shell('pamctl reviews --json', homeOf('bob'))
      expect([listed.code, listed.stderr]).toEqual([0, ''])
      return /"id": ?"((?:req|apr)_\w+)"/.exec(listed.stdout)?.[1]
    }, 'something to decide')
    const { code, stderr } = await shell(`pamctl approve ${id} --yes`, homeOf('bob'))
    expect([code, stderr]).toEqual([0, stderr])
  }

  it('1: the account', async () => {
    const admin = await superuser('postgres')
    await admin.query("create role shop_owner login password 'owner'")
    await admin.query('create database shop owner shop_owner')
    await admin.end()
    const db = await superuser('shop')
    await db.query(`set role shop_owner;
      create table customers (customer_id serial primary key, name text, email text, phone text);
      create table orders (order_id serial primary key, customer_id int references customers, status text);
      insert into customers (name, email, phone) values ('Ada', 'ada@example.com', '+1 202 555 0101');
      insert into orders (customer_id, status) values (1, 'new'), (1, 'stale')`)
    await db.query('reset role')
    await db.query(blocks('sql')[0] ?? '')
    await db.query('set role shop_owner')
    await db.query('create table refunds (refund_id serial primary key, order_id int)')
    await db.end()
  })

  it('2: the configuration, and what check says of it', async () => {
    const [, check = ''] = commandLines(0)
    const { code, stdout, stderr } = await shell(check, {})
    expect([code, stdout, stderr]).toEqual([0, stdout, ''])
    expect(stdout).toMatch(/ok +target prod-db as pam_app: PostgreSQL/)
    expect(stdout).toMatch(
      /ok +issuer .*\(people\): .*scopes openid email profile offline_access, begins device sign-ins/,
    )
    expect(stdout).toMatch(/ok +issuer .*\(services\)/)
    expect(stdout).not.toMatch(/FAILED|warning/)
    Object.assign(process.env, environment)
    gateway = await hostGateway(config, join(directory, 'gateway.log'))
  }, 180_000)

  it('3: people sign in, ask, connect and work', async () => {
    expect(await login('jane')).toContain('Signed in as jane@example.com (engineering)')
    expect(await login('bob')).toMatch(/Signed in as bob@example.com \((sre, engineering|engineering, sre)\)/)
    const [, targets = '', connect = '', , explain = ''] = commandLines(1)
    expect((await shell(targets, homeOf('jane'))).stdout).toMatch(/prod-db.*on request, up to 1h/)
    expect((await shell(explain, homeOf('jane'))).stdout).toContain('everyday: reading and changing rows')

    const working = shell(
      connect.replace('psql', 'psql -X -A -t').replace('--reason', '--wait --reason'),
      homeOf('jane'),
      `insert into orders (customer_id, status) values (1, 'new') returning order_id;
      insert into refunds (order_id) values (1) returning refund_id;
      select email, phone from customers;
      begin; declare c cursor for select status from orders; fetch 1 from c; close c; commit;
      \\d orders
      delete from orders;
      truncate refunds;
      alter table orders add note text;
      update orders set note = 'x' where order_id = 1;`,
    )
    // The request for access, then what is held.
    for (let decided = 0; decided < 3; decided++) await approveNext(working)
    const { code, stdout, stderr } = await working
    expect([code, stderr]).toEqual([0, stderr])
    expect(stdout).toMatch(/^3$/m)
    expect(stdout).toMatch(/a\*+@\*+/)
    expect(stdout).not.toContain('ada@example.com')
    expect(stdout).toContain("nextval('orders_order_id_seq'::regclass)")
    expect(stderr).toMatch(/UPDATE and DELETE without a WHERE/)
    expect(stderr.match(/ERROR/g)).toHaveLength(1)
    const db = await superuser('shop')
    const { rows } = await db.query(
      'select (select count(*)::int from refunds) as refunds, (select note from orders where order_id = 1) as note',
    )
    await db.end()
    expect(rows).toEqual([{ refunds: 0, note: 'x' }])
  }, 240_000)

  /** Of a client that signs in as itself. */
  async function serviceToken(client: string): Promise<string> {
    const answer = await fetchWithCa(readFileSync(tls.ca, 'utf8'))(`${keycloak.issuer}/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: client,
        client_secret: `${client}-secret`,
      }),
    })
    const { access_token: token } = (await answer.json()) as { access_token: string }
    return token
  }

  it('4: services', async () => {
    const token = await serviceToken('ci')
    const script = (blocks('sh')[2] ?? '').replace('"delete', '"delete')
    const cleaning = shell(script, { ...homeOf('ci'), ID_TOKEN: token })
    await approveNext(cleaning)
    const { code, stdout, stderr } = await cleaning
    expect([code, stdout, stderr]).toEqual([0, 'DELETE 1\n', stderr])
  }, 180_000)

  it('beside it: another gateway signs in to its dashboard and pamctl with SAML, until Keycloak signs out', async () => {
    const own = `https://localhost:${samlPort}`
    const file = join(directory, 'saml.yaml')
    writeFileSync(
      file,
      `listen: { port: ${samlPort}, tls: { certificate: tls/gateway.crt, key: tls/gateway.key } }
publicUrl: ${own}
dataDirectory: saml-data
identity:
  issuers:
    - type: saml
      name: keycloak
      entityId: ${keycloak.issuer}
      metadataUrl: ${keycloak.issuer}/protocol/saml/descriptor
      ca: tls/internal-ca.crt
targets:
  - { name: prod-db, type: postgres, host: localhost, port: ${postgres.port}, database: shop, user: pam_app,
      password: "env:PROD_DB_PASSWORD", ca: tls/internal-ca.crt }
access:
  - { name: everybody, who: { groups: [engineering] }, targets: { names: [prod-db] }, grant: standing, maxDuration: 1h }
commands:
  - { name: all, allow: true }
`,
    )
    const other = await hostGateway(file, join(directory, 'saml.log'))
    try {
      const get = fetchWithCa(readFileSync(tls.ca, 'utf8'))
      const tab = new FormBrowser(get)
      const whoami = async (): Promise<[number, unknown]> => {
        const cookie = `__Host-pam_session=${tab.cookiesOf(own).get('__Host-pam_session') ?? ''}`
        const answer = await get(`${own}/v1/whoami`, { headers: { cookie } })
        return [answer.status, await answer.json()]
      }
      const password = await tab.open(`${own}/auth/sign-in?to=/account`)
      const answer = await tab.submit(password, { username: 'bob', password: passwordOf('bob') })
      const landed = await tab.submit(answer)
      expect([landed.status, landed.url]).toEqual([200, `${own}/account`])
      const [status, me] = await whoami()
      expect([status, me]).toMatchObject([200, { person: { label: 'bob@example.com' } }])
      expect((me as { person: { groups: string[] } }).person.groups.toSorted()).toEqual(['engineering', 'sre'])
      expect(me).toHaveProperty('signedInAt')
      // The answer is good for one use.
      expect((await tab.submit(answer)).status).toBe(401)
      const signedIn = await loginWithSaml(own, 'jane')
      const home = homeOf('saml')
      const connect = 'pamctl connect prod-db -- psql -X -A -t'
      expect(await shell(`${connect} -c "select 'row ' || 1"`, home)).toMatchObject({ code: 0, stdout: 'row 1\n' })
      let ended: Outcome | undefined
      const running = shell(`${connect} -c "select pg_sleep(300)"`, home).then((outcome) => (ended = outcome))
      const db = await superuser('shop')
      const sleeping = async (): Promise<boolean> => {
        const { rows } = await db.query(
          "select 1 from pg_stat_activity where query like 'select pg_sleep(300)%' and state = 'active'",
        )
        return rows.length > 0
      }
      await eventually(async () => ((await sleeping()) ? true : undefined), 'a statement that runs')
      let page = await tab.open(`${keycloak.issuer}/protocol/openid-connect/logout`)
      for (let step = 0; step < 4 && (await whoami())[0] === 200; step++) page = await tab.submit(page)
      expect(await whoami()).toMatchObject([401, { code: 'NOT_SIGNED_IN' }])
      expect(new URL(page.url).origin).toBe(new URL(keycloak.issuer).origin)
      await signedIn.goto(`${keycloak.issuer}/protocol/openid-connect/logout`)
      await signedIn.locator('#kc-logout').click()
      await running
      expect([ended?.code === 0, ended?.stderr]).toEqual([false, expect.stringContaining('was signed out')])
      await eventually(async () => ((await sleeping()) ? undefined : true), 'the end of the statement upstream')
      await db.end()
      const again = await shell(`${connect} -c 'select 1'`, home)
      expect([again.code, again.stderr]).toEqual([4, expect.stringContaining('pamctl login')])
      await signedIn.context().close()
    } finally {
      await other.stop('SIGTERM')
    }
  }, 120_000)

  /** `pamctl login` without a screen: the browser is elsewhere. Returns that, signed in at the provider. */
  async function loginWithSaml(gatewayUrl: string, who: Who): Promise<Page> {
    let output = ''
    const child = spawn(
      process.execPath,
      [join(ROOT, 'bin', 'pamctl.js'), 'login', '--gateway', gatewayUrl, '--no-browser'],
      { env: { ...process.env, ...environment, ...homeOf('saml') }, stdio: ['ignore', 'pipe', 'pipe'] },
    )
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve))
    const [, link = '', code = ''] = await eventually(
      () => /Open (\S+) and enter\s+(\S+)/.exec(output) ?? (child.exitCode === null ? undefined : ['', '', output]),
      'the code',
    )
    expect(link).toBe(`${gatewayUrl}/auth/device`)
    const tab = await (await newContext()).newPage()
    await tab.goto(link)
    await tab.locator('[name=user_code]').fill(code.toLowerCase())
    await tab.getByRole('button', { name: 'Continue' }).click()
    await tab.getByRole('link', { name: 'Yes, sign in with keycloak' }).click()
    await enterPassword(tab, who)
    await tab.getByRole('button', { name: `Yes, sign it in as ${who}@example.com` }).click()
    await tab.getByRole('heading', { name: 'Signed in' }).waitFor()
    expect([await closed, output]).toEqual([0, output])
    expect(output).toContain(`Signed in as ${who}@example.com`)
    return tab
  }

  it('5: approvers and operators, in a browser, too', async () => {
    const context = await newContext()
    const tab = await context.newPage()
    await tab.goto(url())
    await tab.getByRole('link', { name: 'Sign in', exact: true }).click()
    await enterPassword(tab, 'bob')
    await tab.getByRole('navigation', { name: 'Pages' }).waitFor()
    await context.close()
    const { code, stdout } = await shell('pamctl reviews', homeOf('bob'))
    expect([code, stdout]).toEqual([0, ''])
    expect((await shell('pamctl sessions --active', homeOf('bob'))).code).toBe(0)
  }, 180_000)

  it('beside it: who is signed out by an administrator of Keycloak loses what is live, by a logout token', async () => {
    const connect = 'pamctl connect prod-db -- psql -X -A -t'
    let ended: Outcome | undefined
    const running = shell(`${connect} -c "select pg_sleep(301)"`, homeOf('jane')).then((outcome) => (ended = outcome))
    const db = await superuser('shop')
    await eventually(async () => {
      if (ended !== undefined) throw new Error(`ended before it was signed out: ${JSON.stringify(ended)}`)
      const query = "select 1 from pg_stat_activity where query like 'select pg_sleep(301)%' and state = 'active'"
      return (await db.query(query)).rows.length > 0 ? true : undefined
    }, 'a statement that runs')
    await db.end()
    const get = fetchWithCa(readFileSync(tls.ca, 'utf8'))
    const headers = { authorization: `Bearer ${await serviceToken('ops')}` }
    const admin = keycloak.issuer.replace('/realms/', '/admin/realms/')
    const idOf = async (path: string): Promise<string> => {
      const [found] = (await (await get(`${admin}${path}`, { headers })).json()) as { id: string }[]
      return found?.id ?? ''
    }
    // Whoever asks for offline_access has an offline session alone.
    const [jane, client] = [await idOf('/users?username=jane&exact=true'), await idOf('/clients?clientId=pamctl')]
    const session = await idOf(`/users/${jane}/offline-sessions/${client}`)
    const signedOut = await get(`${admin}/sessions/${session}?isOffline=true`, { method: 'DELETE', headers })
    expect(signedOut.status).toBe(204)
    await running
    expect([ended?.code === 0, ended?.stderr]).toEqual([
      false,
      expect.stringContaining('you logged out at the identity provider'),
    ])
    const again = await shell(`${connect} -c 'select 1'`, homeOf('jane'))
    expect([again.code, again.stderr]).toEqual([4, expect.stringContaining('pamctl login')])
    expect((await shell('pamctl sessions --active', homeOf('bob'))).code).toBe(0)
  }, 180_000)

  it('tells whoever has no groups where they come from', async () => {
    const output = await login('zoe')
    expect(output).toContain('Signed in as zoe@example.com (no groups)')
    expect(output).toContain('hint: the identity provider sent no groups')
  }, 180_000)

  const reload = async (edit: (yaml: string) => string): Promise<void> => {
    writeFileSync(config, edit(readFileSync(config, 'utf8')))
    const before = gateway?.log().match(/config\.reloaded/g)?.length ?? 0
    gateway?.signal('SIGHUP')
    await eventually(
      () => ((gateway?.log().match(/config\.reloaded/g)?.length ?? 0) > before ? true : undefined),
      'the reload',
    )
  }

  it('signs in with scopes that the provider does not have, without them', async () => {
    await reload((yaml) =>
      yaml.replace(
        'clientId: pamctl',
        'clientId: pamctl\n      scopes: [openid, email, profile, groups, nonsense, offline_access]',
      ),
    )
    const context = await newContext()
    const tab = await context.newPage()
    await tab.goto(`${url()}/auth/sign-in`)
    await enterPassword(tab, 'jane')
    await tab.getByRole('navigation', { name: 'Pages' }).waitFor()
    await context.close()
    expect(await login('jane')).toContain('Signed in as jane@example.com (engineering)')
  }, 180_000)

  it("shows the provider's own words where it refuses, in the browser, in the terminal and in the log", async () => {
    // A scope that the realm has and this client has not.
    await reload((yaml) => yaml.replace(/scopes: .*/, 'scopes: [openid, service_account]'))
    const context = await newContext()
    const tab = await context.newPage()
    await tab.goto(`${url()}/auth/sign-in`)
    expect(await tab.locator('main').textContent()).toContain(
      'the identity provider refused the sign-in (invalid_scope: Invalid scopes: openid service_account)',
    )
    await context.close()
    expect(gateway?.log()).toMatch(/invalid_scope: Invalid scopes: openid service_account.*web\.sign_in_refused/)
    await reload((yaml) => yaml.replace('clientId: pamctl', 'clientId: account'))
    const { code, stderr } = await shell(`pamctl login --gateway ${url()} --no-browser`, homeOf('nobody'))
    expect(stderr).toMatch(/pamctl: the identity provider refused the sign-in \(unauthorized_client: /)
    expect(code).toBe(5)
    const { stdout } = await shell('pam-gateway check --config pam.yaml --connect', {})
    expect(stdout).toMatch(/FAILED +issuer .*refuses a device sign-in of the client "account" \(unauthorized_client: /)
  }, 180_000)
})
