import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import MiniSearch from 'minisearch'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createProgram } from '../src/cli/program.ts'
import { createOperations, type Readiness } from '../src/api/operations.ts'
import { hasProgram } from '../src/demo/programs.ts'
import { writeDemoConfig } from '../src/demo/setup.ts'
import { peopleSchema } from '../src/evaluation-idp/people.ts'
import { parseConfig } from '../src/server/config/config.ts'
import { checkPolicy } from '../src/server/check/check-policy.ts'
import { closeProtocols, createProtocols } from '../src/server/protocols.ts'
import { parseYaml } from '../src/shared/yaml-file.ts'
import { postgresRuleSets } from '../src/protocols/postgres/rule-sets.ts'
import type { DemoStack } from '../src/demo/stack.ts'
import { grantFor, openPort, signIn, eventually, type SignedIn } from './helpers/gateway-client.ts'
import { makeCertificates } from './helpers/certificates.ts'
import { startHostedStack } from './helpers/hosted-gateway.ts'
import { OPENSSL, psql, PSQL, ROOT, run } from './helpers/run.ts'

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
]
const blocks = (page: string, language: string): string[] =>
  [...read(page).matchAll(new RegExp('```' + language + '\\n([\\s\\S]*?)```', 'g'))].map((match) => match[1] ?? '')

/** What an example needs to be there: its secrets, in the environment and in files. */
function secretsOf(yaml: string, directory: string): Record<string, string> {
  for (const [, file = ''] of yaml.matchAll(/\bfile:([\w./-]+)/g)) {
    mkdirSync(dirname(join(directory, file)), { recursive: true })
    writeFileSync(join(directory, file), 'x')
  }
  return Object.fromEntries([...yaml.matchAll(/\benv:(\w+)/g)].map(([, name = '']) => [name, 'x']))
}

const READY: Readiness = {
  ready: true,
  recording: { ok: true },
  spool: { bytes: 0, limit: 1, unsealed: 0 },
  home: { ok: true, waiting: 0 },
  sessions: 0,
  ending: 0,
  auditStreams: [],
  checkpoints: { ok: true, problems: [] },
  clock: { ok: true, behindSeconds: 0 },
  credentials: { ok: true, problems: [] },
}

/** The first word of a command line that is neither a verb nor an option of it; undefined where there is none. */
function unknownIn(program: Command, words: readonly string[]): string | undefined {
  let command = program
  const flags = new Set(['--help', ...program.options.map(({ long }) => long)])
  for (const word of words) {
    if (/^[a-z][a-z-]*$/.test(word) && command.commands.length > 0) {
      const next = command.commands.find((verb) => verb.name() === word || verb.aliases().includes(word))
      // What follows a verb that does something itself is its argument, and what follows an option may be its value.
      if (next === undefined && command === program) return word
      command = next ?? command
      for (const { long } of command.options) flags.add(long)
    }
  }
  return words.find((word) => word.startsWith('--') && !flags.has(word.split('=')[0] ?? ''))
}

describe('the documents', () => {
  it('errors, configuration, schema and reference are what the code says', async () => {
    const { code, stderr } = await run(process.execPath, ['scripts/generate-docs.js', '--check'], { cwd: ROOT })
    expect([code, stderr]).toEqual([0, ''])
  })

  it.each(['man/pamctl.1', 'man/pam-gateway.8'])('%s is of macros and escapes that every formatter has', (file) => {
    const lines = read(file).trimEnd().split('\n')
    const wrong = lines.filter(
      (line) =>
        !/^(?:\.(?:\\"|TH|SH|TP|RS|RE|PP|nf|fi)(?: .*)?|[^.'\s].*)$/.test(line) ||
        line.replace(/\\(?:e|-|&|%|f[BIR]|\((?:aq|cq|ga|ha|ti)|\[u2026\]|")/g, '').search(/[^\u0020-\u007e]|\\/) >= 0,
    )
    expect([lines.length > 100, wrong]).toEqual([true, []])
    expect(lines.filter((line) => line === '.RS')).toHaveLength(lines.filter((line) => line === '.RE').length)
  })

  it('every link within the project leads somewhere', () => {
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)]
        .map((match) => join(dirname(page), match[1] ?? ''))
        .filter((target) => {
          try {
            read(target)
            return false
          } catch {
            return true
          }
        }),
    )
    expect(broken).toEqual([])
  })

  it('make a site in which every link and anchor leads somewhere, and the search finds', async () => {
    const site = mkdtempSync(join(tmpdir(), 'pamctl-test-site-'))
    const { code, stderr } = await run(process.execPath, ['scripts/build-site.js', site], { cwd: ROOT })
    expect([code, stderr]).toEqual([0, ''])
    const files = new Map(
      readdirSync(site, { recursive: true, encoding: 'utf8' })
        .filter((file) => /\.\w+$/.test(file))
        .map((file) => [file, file.endsWith('.html') ? readFileSync(join(site, file), 'utf8') : '']),
    )
    const broken = [...files].flatMap(([file, html]) =>
      [...html.matchAll(/(?:href|src)="([^"]*)"/g)]
        .map(([, link = '']) => link)
        .filter((link) => {
          if (/^[a-z]+:/.test(link)) return false
          const [path = '', anchor] = link.split('#')
          const target = files.get(path === '' ? file : join(dirname(file), path))
          return target === undefined || (anchor !== undefined && !target.includes(`id="${anchor}"`))
        })
        .map((link) => `${file}: ${link}`),
    )
    expect([files.size > 40, broken]).toEqual([true, []])
    expect([...files.keys()].filter((file) => file.endsWith('.html')).length).toBeGreaterThanOrEqual(pages.length)
    const options = { fields: ['heading', 'page', 'text'], storeFields: ['address'] }
    const index = MiniSearch.loadJSON(readFileSync(join(site, 'search.json'), 'utf8'), options)
    expect(
      index.search('restore a backup', { combineWith: 'AND', prefix: true }).map(({ id }) => String(id)),
    ).toContain('operations.html#restore')
    rmSync(site, { recursive: true })
  })

  it.each([
    ['<script src="search.js"></script>', '&#60;script src=&#34;search.js&#34;&#62;&#60;/script&#62;'],
    ['a <b onclick="x()">b</b>', '<p>a &#60;b onclick=&#34;x()&#34;&#62;b&#60;/b&#62;</p>\n'],
    ['<!-- nobody reads this -->\nread', '<p>read</p>'],
    ['[a](javascript:alert%281%29)', '<p>a</p>\n'],
    ['[a](<java\tscript:alert(1)>)', '<p>a</p>\n'],
    ['[a](data:text/html,x)', '<p>a</p>\n'],
    ['[a][1]\n\n[1]: vbscript:x', '<p>a</p>\n'],
    ['![a"b](javascript:x)', '<p>a&#34;b</p>\n'],
    ['[a](//evil.example/x)', '<p><a href="other page">a</a></p>\n'],
    ['[a](https://example.com/?a="b")', '<p><a href="https://example.com/?a=&#34;b&#34;">a</a></p>\n'],
    ['[a](access.md "x\\" onclick=\\"y")', '<p><a href="other page" title="x&#34; onclick=&#34;y">a</a></p>\n'],
  ])('nothing in a page becomes active: %s', async (markdown, html) => {
    const { renderPage } = z
      .object({ renderPage: z.custom<(page: string, markdown: string, resolve: () => string) => { html: string }>() })
      .parse(await import(new URL('../scripts/site/render-page.js', import.meta.url).href))
    expect(renderPage('docs/a.md', markdown, () => 'other page').html.trim()).toBe(html.trim())
  })

  it('replace no directory that holds something else', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-site-'))
    writeFileSync(join(directory, 'thesis.txt'), 'x')
    const { code, stderr } = await run(process.execPath, ['scripts/build-site.js', directory], { cwd: ROOT })
    expect([code, stderr, readdirSync(directory)]).toEqual([
      2,
      `${directory} is not empty and holds no site: name another directory\n`,
      ['thesis.txt'],
    ])
    rmSync(directory, { recursive: true })
  })

  it('every pamctl verb and flag that a page shows exists', () => {
    const program = createProgram(
      () => () => Promise.resolve(),
      () => {},
    )
    const wrong: string[] = []
    let seen = 0
    for (const page of pages) {
      for (const [, block, inline] of read(page).matchAll(/^```\w*\n([^]*?)^```|`([^`\n]+)`/gm)) {
        for (const [, line = ''] of (block ?? inline ?? '').matchAll(/(?:^|\$ )pamctl ((?:[a-z]|--)[^\n#]*)/gm)) {
          seen++
          const problem = unknownIn(program, (line.split(' -- ')[0] ?? '').replace(/"[^"]*"/g, 'X').split(/\s+/))
          if (problem !== undefined) wrong.push(`${page}: pamctl ${line}: ${problem}`)
        }
      }
    }
    expect([seen > 100, wrong]).toEqual([true, []])
  })

  it.skipIf(!OPENSSL)('the configuration of the quickstart is valid', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-docs-'))
    const file = join(directory, 'pam.yaml')
    const yaml = blocks('docs/quickstart.md', 'yaml')[0] ?? ''
    const { ca, certificate, key } = makeCertificates(join(directory, 'tls'), 'DNS:pam.example.com')
    renameSync(certificate, join(directory, 'tls', 'gateway.crt'))
    renameSync(key, join(directory, 'tls', 'gateway.key'))
    renameSync(ca, join(directory, 'tls', 'internal-ca.crt'))
    writeFileSync(file, yaml)
    const { code, stdout, stderr } = await run(process.execPath, ['bin/pam-gateway.js', 'check', '--config', file], {
      cwd: ROOT,
      env: secretsOf(yaml, directory),
    })
    rmSync(directory, { recursive: true })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('is valid: 1 target, 1 access rule, 14 command rules, 1 masking rule')
  })

  it.each([
    ['keycloak', 2],
    ['okta', 3],
    ['entra', 3],
    ['google', 1],
    ['auth0', 1],
    ['authentik', 3],
    ['dex', 1],
  ])('the issuers of the page identity/%s are valid, and its top says what is tested', (page, count) => {
    const file = `docs/identity/${page}.md`
    const issuers = blocks(file, 'yaml').filter((yaml) => !yaml.startsWith('# Dex, not the gateway'))
    expect(issuers).toHaveLength(count)
    for (const yaml of issuers) expect(parseConfig(yaml, 'page').warnings).toEqual([])
    expect(read(file).split('\n\n')[1]).toMatch(/^(\*\*Untested\*\*|Tested with \d)/)
    expect(read('docs/identity-providers.md')).toContain(`(identity/${page}.md)`)
  })

  it('the provider of the page identity/saml is valid', () => {
    const [yaml = '', ...more] = blocks('docs/identity/saml.md', 'yaml')
    expect(more).toEqual([])
    const { identity, warnings } = parseConfig(yaml, 'page')
    expect(identity.issuers[0]).toMatchObject({
      type: 'saml',
      maxSession: 3_600_000,
      clockTolerance: 30_000,
      idpInitiated: false,
    })
    expect(warnings).toEqual([])
  })

  it('the directories of the page identity/scim are valid', () => {
    const examples = blocks('docs/identity/scim.md', 'yaml')
    expect(examples).toHaveLength(2)
    for (const yaml of examples) expect(parseConfig(yaml, 'page').identity.provisioning).toHaveLength(1)
  })

  it('the people of the built-in provider are as its file has them', () => {
    const [yaml = ''] = blocks('docs/identity-providers.md', 'yaml').filter((text) => text.startsWith('# people.yaml'))
    const { people, services } = parseYaml(yaml, 'people.yaml', peopleSchema)
    expect([people.map(({ id }) => id), services.map(({ id }) => id)]).toEqual([['jane'], ['ci-deploy']])
  })

  it('the configuration of the page credentials is valid', () => {
    const yamls = blocks('docs/credentials.md', 'yaml')
    expect(yamls.length).toBeGreaterThan(5)
    for (const yaml of yamls) {
      const { warnings } = parseConfig(`identity: { evaluation: { people: people.yaml } }\n${yaml}`, 'page')
      expect(warnings).toEqual([expect.stringContaining('the built-in OpenID provider is for evaluation')])
    }
  })

  it('the commands of the page credentials do what it says', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-docs-'))
    const [sealed = ''] = blocks('docs/credentials.md', 'yaml').filter((yaml) => yaml.includes('sealed:'))
    writeFileSync(
      join(directory, 'pam.yaml'),
      `identity: { evaluation: { people: people.yaml } }\ndataDirectory: data\n${sealed}`,
    )
    writeFileSync(join(directory, 'master.key'), Buffer.alloc(32, 1).toString('base64'), { mode: 0o600 })
    const outputs: string[] = []
    for (const line of (blocks('docs/credentials.md', 'sh')[0] ?? '').trim().split('\n')) {
      const [program, ...args] = line.split(' ')
      expect(program).toBe('pam-gateway')
      const { code, stdout, stderr } = await run(process.execPath, [join(ROOT, 'bin', 'pam-gateway.js'), ...args], {
        cwd: directory,
        input: 'a secret\n',
      })
      expect([line, code, stderr]).toEqual([line, 0, ''])
      outputs.push(stdout)
    }
    rmSync(directory, { recursive: true })
    expect(outputs).toEqual([
      'secret:prod-db is set; sessions that begin from now on use it\n',
      expect.stringMatching(/prod-db .* key:[0-9a-f]{16}/),
      expect.stringMatching(/^all secrets are sealed with key:[0-9a-f]{16} already\n$/),
      'secret:prod-db is removed\n',
    ])
  })

  it.skipIf(!OPENSSL)('the first configuration of the page install is written, and valid', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-docs-'))
    const { ca } = makeCertificates(join(directory, 'tls'))
    renameSync(ca, join(directory, 'tls', 'internal-ca.crt'))
    const [line = ''] = blocks('docs/install.md', 'sh').flatMap(
      (block) => /^pam-gateway (init [^]*--credential \S+)$/m.exec(block)?.[1] ?? [],
    )
    const words = [...line.replaceAll('\\\n', '').matchAll(/'([^']*)'|(\S+)/g)].map(
      ([, quoted, plain]) => quoted ?? plain ?? '',
    )
    const gateway = join(ROOT, 'bin', 'pam-gateway.js')
    const env = { PROD_DB_PASSWORD: 'x' }
    const init = await run(process.execPath, [gateway, ...words], { cwd: directory })
    expect([init.code, init.stderr]).toEqual([0, ''])
    const { code, stderr } = await run(process.execPath, [gateway, 'check', '--config', 'pam.yaml'], {
      cwd: directory,
      env,
    })
    expect([code, stderr]).toEqual([0, ''])
    const yaml = readFileSync(join(directory, 'pam.yaml'), 'utf8')
    const [, proxied = ''] = blocks('docs/install.md', 'yaml')
    const { listen } = parseConfig(yaml.replace(/^listen:\n(?: .*\n)+publicUrl:.*\n/m, proxied), 'page')
    expect(listen).toMatchObject({ port: 8443, trustedProxies: ['127.0.0.1', '::1'] })
    rmSync(directory, { recursive: true })
  })

  it('the unit of the page install is one that systemd understands', async () => {
    const [unit = ''] = blocks('docs/install.md', 'ini')
    const sections = [...unit.matchAll(/^\[(\w+)\]$/gm)].map(([, name]) => name)
    expect(sections).toEqual(['Unit', 'Service', 'Install'])
    expect(unit.split('\n').filter((line) => !/^(#.*|\[\w+\]|[A-Z]\w+=\S.*|)$/.test(line))).toEqual([])
    if (!hasProgram('systemd-analyze')) return
    const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-docs-'))
    const file = join(directory, 'pam-gateway.service')
    // It looks for the programs as well, and this one is not installed here.
    writeFileSync(file, unit.replaceAll('/usr/bin/env pam-gateway', '/usr/bin/env true'))
    const { code, stderr } = await run('systemd-analyze', ['verify', file])
    rmSync(directory, { recursive: true })
    expect([code, stderr]).toEqual([0, ''])
  })

  it('the alerts of the page operations are about metrics that there are', async () => {
    const yaml = blocks('docs/operations.md', 'yaml').find((block) => block.includes('groups:')) ?? ''
    const rule = z.strictObject({
      alert: z.string(),
      expr: z.string(),
      for: z
        .string()
        .regex(/^\d+[mh]$/)
        .optional(),
      annotations: z.strictObject({ summary: z.string() }),
    })
    const file = z.strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(rule) })) })
    const rules = parseYaml(yaml, 'page', file).groups.flatMap((group) => group.rules)
    expect(rules.length).toBeGreaterThan(8)
    const server = createOperations(() => READY)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const metrics = await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`)).text()
    server.close()
    const names = rules.flatMap(({ expr }) => expr.match(/\b(?:pam|nodejs)_\w+/g) ?? [])
    expect(names.filter((name) => !new RegExp(`^${name} `, 'm').test(metrics))).toEqual([])
  })

  it('the recipes of the cookbook do what their tests say', async () => {
    const recipes = blocks('docs/cookbook.md', 'yaml')
    expect(recipes.length).toBeGreaterThanOrEqual(12)
    const config = (recipe: string): string => `identity: { evaluation: { people: people.yaml } }
targets:
  - { name: prod-db, type: postgres, host: h, database: d, user: u, labels: { env: prod } }
  - { name: dev-db, type: postgres, host: h, database: d, user: u, labels: { env: dev } }
  - { name: web, type: ssh, host: h, trustOnFirstUse: true, logins: [{ name: l, privateKey: "env:X" }], labels: { env: prod } }
  - { name: cluster, type: kubernetes, host: h, token: "env:X", labels: { env: prod } }
  - { name: billing, type: http, host: h, credential: { type: bearer, token: "env:X" }, labels: { env: prod } }
${recipe}`
    const protocols = await createProtocols(parseConfig(config(''), 'page'), {
      firstUse: { find: () => Promise.resolve(undefined), keep: () => Promise.resolve() },
    })
    const failed: unknown[] = []
    for (const recipe of recipes) {
      const { tests, policy, targets } = parseConfig(config(recipe), 'page')
      expect([recipe, tests.length > 0]).toEqual([recipe, true])
      const results = await checkPolicy(tests, policy, targets, protocols)
      failed.push(...results.filter(({ passed }) => !passed))
    }
    await closeProtocols(protocols)
    expect(failed).toEqual([])
  })

  it('every ready-made set is described', () => {
    const page = read('docs/rule-sets.md')
    expect([...page.matchAll(/^## (.*)$/gm)].map(([, name]) => name)).toEqual(Object.keys(postgresRuleSets))
  })

  it.each(['records', 'dashboard', 'notifications'])('the configuration of the page %s is valid', async (page) => {
    const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-docs-'))
    const file = await writeDemoConfig(directory, { gatewayPort: 1, postgresPort: 2 })
    const [yaml = ''] = blocks(`docs/${page}.md`, 'yaml').filter((block) => !block.includes('stepUp'))
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n${yaml}`)
    const { code, stderr } = await run(process.execPath, ['bin/pam-gateway.js', 'check', '--config', file], {
      cwd: ROOT,
      env: secretsOf(yaml, directory),
    })
    rmSync(directory, { recursive: true })
    expect([code, stderr.replaceAll(/.*warning.*\n/g, '')]).toEqual([0, ''])
  })

  it('the rules of the page dashboard that ask for a passkey are valid', () => {
    const [rules = ''] = blocks('docs/dashboard.md', 'yaml').filter((block) => block.includes('stepUp'))
    const config = parseConfig(
      `publicUrl: https://pam.example.com
identity: { evaluation: { people: people.yaml } }
targets: [{ name: db, type: postgres, host: h, database: d, user: u, labels: { env: prod } }]
${rules}`,
      'page',
    )
    expect(config.policy.access[0]).toMatchObject({ approvers: { stepUp: 'passkey' } })
  })

  it('the rules of the page access that approve without a person are valid', () => {
    const config = blocks('docs/access.md', 'yaml')
      .filter((block) => block.includes('autoApprove'))
      .map((rules) =>
        parseConfig(
          `identity: { evaluation: { people: people.yaml } }
targets: [{ name: db, type: postgres, host: h, database: d, user: u, labels: { env: staging } }, { name: prod-db, type: postgres, host: h, database: d, user: u, labels: { env: prod } }]
${rules}`,
          'page',
        ),
      )
    expect(config.map(({ policy, warnings }) => [policy.access[0]?.autoApprove?.type, warnings.length])).toEqual([
      ['schedule', 1],
      ['webhook', 1],
    ])
  })

  it('the gateway commands that pages show exist', async () => {
    const lines = pages.flatMap((page) =>
      [
        ...blocks(page, 'sh')
          .join('\n')
          .replaceAll('\\\n', ' ')
          .matchAll(/^pam-gateway (.*)$/gm),
      ].map(([, line = '']) => line),
    )
    expect(lines.length).toBeGreaterThan(10)
    const shown = new Map<string, string>()
    for (const line of new Set(lines)) {
      const verb = /^[a-z-]+( (set|list|rotate|rm|gc|init|public)\b)?/.exec(line)?.[0] ?? ''
      shown.set(verb, `${shown.get(verb) ?? ''} ${line}`)
    }
    for (const [verb, all] of shown) {
      const help = await run(process.execPath, ['bin/pam-gateway.js', ...verb.split(' '), '--help'], { cwd: ROOT })
      expect([verb, help.code]).toEqual([verb, 0])
      for (const flag of new Set(all.match(/--[a-z-]+/g)))
        expect([verb, help.stdout]).toEqual([verb, expect.stringContaining(flag)])
    }

    const hashed = await run(process.execPath, ['bin/pam-gateway.js', 'hash-password'], {
      cwd: ROOT,
      input: 'secret\n',
    })
    expect(hashed.stdout).toMatch(/^scrypt\$16384\$/)
    const bad = await run(process.execPath, ['bin/pam-gateway.js', 'check', '--config', '/nowhere.yaml'], { cwd: ROOT })
    expect([bad.code, bad.stderr]).toEqual([2, 'pam-gateway: there is no file /nowhere.yaml\n'])
    const schema = await run(process.execPath, ['bin/pam-gateway.js', 'schema'], { cwd: ROOT })
    expect(JSON.parse(schema.stdout)).toEqual(JSON.parse(read('docs/pam.schema.json')))
  })
})

describe.skipIf(!PSQL)('the terminal session of the README', () => {
  let stack: DemoStack
  let jane: SignedIn
  let bob: SignedIn
  beforeAll(async () => {
    stack = await startHostedStack()
    jane = await signIn(stack.gateway, 'jane')
    bob = await signIn(stack.gateway, 'bob')
    await grantFor(jane, bob, 'prod-db')
  })
  afterAll(() => stack?.stop())

  it('is what psql shows', async () => {
    const [session = ''] = blocks('README.md', 'console')
    const inPsql = session.slice(session.indexOf('app=> '))
    const statements = [...inPsql.matchAll(/^app=> (.*)$/gm)].map((match) => match[1] ?? '')
    expect(statements).toHaveLength(3)
    const port = await openPort(jane, 'prod-db')
    const approving = eventually(
      async () => (await bob.api.reviews.list()).find(({ kind }) => kind === 'command'),
      'held',
    ).then((review) =>
      bob.api.reviews.decide(review.id, { verdict: 'approve', comment: '', digest: review.digest ?? '' }),
    )
    const { stdout, stderr } = await psql(port, 'app', statements.join('\n'), [
      '-P',
      'tuples_only=off',
      '-P',
      'format=aligned',
      '-v',
      'QUIET=off',
    ])
    await approving
    port.close()
    const plain = (text: string): string[] =>
      text
        .replace(/_[0-9a-z]{13}/g, '_ID')
        .replace(/up to \w+/g, 'up to T')
        .split('\n')
        .map((line) => line.trimEnd())
        .filter((line) => line !== '')
    const printed = new Set(plain(`${stdout}\n${stderr}`))
    const expected = plain(inPsql).filter((line) => !line.startsWith('app=>'))
    expect(expected.filter((line) => !printed.has(line))).toEqual([])
  })
})
