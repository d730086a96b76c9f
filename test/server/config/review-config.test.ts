import { describe, expect, it } from 'vitest'
import { parseConfig, type Config } from '../../../src/server/config/config.ts'

const BASE = `identity:
  issuers:
    - { url: https://idp.example.com, for: people, clientId: p, knownGroups: [eng, sre, audit] }
    - { url: https://ci.example.com, for: services, audience: a, requireSubject: s, groups: [ci], knownGroups: [] }
targets:
  - { name: prod-db, type: postgres, labels: { env: prod }, host: h, database: d, user: app }
  - { name: web-1, type: ssh, labels: { env: stage }, host: h, hostKeys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFG3kTyBpSRrbpRZDYM5RzzwVYFOqrrMXqhRrJQyYdqI"], logins: [{ name: deploy, password: env:X }] }
`
const LINES = BASE.split('\n').length
const load = (text: string): Config => parseConfig(`${BASE}${text}\n`, 'f')
const rule = (match: string, effect = 'deny: no', rest = ''): string =>
  `commands: [{ name: r, ${rest} match: ${match}, ${effect} }]`
const onDb = 'targets: { names: [prod-db] },'
const onHost = 'targets: { labels: { env: stage } },'

describe('keys that had another name', () => {
  const [a, m] = ['access: [{ name: a, grant: standing, ', 'masking: [{ name: m, columns: [t.c], ']
  it.each([
    [`${a}longest: 1h }]`, a.length, 'access.0', 'longest', 'maxDuration'],
    [`${m}guesses: 5 }]`, m.length, 'masking.0', 'guesses', 'maxComparisons'],
    ['recording: { longestWrite: 1s }', 13, 'recording', 'longestWrite', 'writeTimeout'],
    ['requests: { expire: 1h }', 12, 'requests', 'expire', 'expires'],
    ['web: { longest: 1h }', 7, 'web', 'longest', 'maxDuration'],
  ])('%s is refused with the new one', (text, column, path, key, now) => {
    expect(() => load(text)).toThrow(
      `f:${LINES}:${column + 1}: ${path}: unknown key "${key}": it was renamed to ${now}`,
    )
  })

  it('reproof is refused with the new one', () => {
    expect(() => parseConfig(BASE.replace('identity:\n', 'identity:\n  reproof: 1m\n'), 'f')).toThrow(
      'f:2:3: identity: unknown key "reproof": it was renamed to reverifyEvery',
    )
  })
})

describe('a provider of SAML', () => {
  const saml = '{ type: saml, name: corp, entityId: e, metadataFile: idp.xml }'
  const withIssuers = (...issuers: string[]): Config =>
    parseConfig(`publicUrl: https://pam.example.com\nidentity: { issuers: [${issuers.join(', ')}] }\n`, 'f')

  it('warns where pamctl login has no OpenID issuer', () => {
    expect(withIssuers(saml).warnings).toEqual([])
    expect(withIssuers(saml, '{ url: https://idp.example.com, for: people, clientId: p }').warnings).toEqual([])
  })

  it.each([
    ['without publicUrl', () => parseConfig(`identity: { issuers: [${saml}] }`, 'f'), 'needs publicUrl'],
    [
      'of the same name twice',
      () => withIssuers(saml, saml.replace('entityId: e', 'entityId: f')),
      '"corp" is used twice',
    ],
    ['of the same entity twice', () => withIssuers(saml, saml.replace('corp', 'other')), '"e" is used twice'],
    [
      'without metadata',
      () => withIssuers(saml.replace(', metadataFile: idp.xml', '')),
      'one of metadataFile and metadataUrl',
    ],
    [
      'with metadata in clear',
      () => withIssuers(saml.replace('metadataFile: idp.xml', 'metadataUrl: http://idp.example.com')),
      'plain http is for loopback',
    ],
    [
      'with names that change',
      () => withIssuers(saml.replace('entityId: e', 'entityId: e, nameIdFormat: transient')),
      'give personClaim',
    ],
    [
      'with sessions of a week',
      () => withIssuers(saml.replace('entityId: e', 'entityId: e, maxSession: 7d')),
      'from 1m to 1d',
    ],
  ])('%s is refused', (_what, load, why) => {
    expect(load).toThrow(why)
  })
})

it('columns of HTTP services are fields', () => {
  const text = `${BASE}  - { name: api, type: http, host: h }
masking: [{ name: m, columns: [a.b], targets: { names: [api] } }]
`
  expect(() => parseConfig(text, 'f')).toThrow(
    'the targets of this rule are HTTP services: they have no columns; give fields, kinds or patterns',
  )
})

describe('the host of a target', () => {
  const withHost = (host: string): Config =>
    parseConfig(BASE.replaceAll('host: h,', `host: ${JSON.stringify(host)},`), 'f')

  it.each([
    'grafana',
    'grafana.prod.internal',
    'db.internal.',
    'my_db',
    '10.0.0.1',
    '::1',
    'fe80::1%eth0',
    'bücher.example',
  ])('can be %s', (host) => {
    expect(withHost(host).targets[0]?.host).toBe(host)
  })

  it.each([
    '',
    'https://grafana',
    'grafana:3000',
    'grafana/x',
    'graf ana',
    '[::1]',
    'me@grafana',
    '-x',
    'a\n',
    'a,b',
    'a?b',
  ])('cannot be %j', (host) => {
    expect(() => withHost(host)).toThrow(/targets\.0\.host: expected a name or an IP address alone/)
    expect(() => withHost(host)).toThrow(/targets\.1\.host: /)
  })
})

describe('words that nothing answers to are errors, with line and column', () => {
  it.each([
    // Kinds.
    [
      rule('{ kinds: [trunkate] }'),
      /:41: commands\.0\.match\.kinds\.0: there is no kind "trunkate"; did you mean "truncate"\?/,
    ],
    [rule('{ kinds: [select, trunc-*] }'), /kinds\.1: no kind begins with "trunc-"/],
    [rule('{ kinds: [drop_table] }'), /did you mean "drop-table"/],
    [rule('{ kinds: [SELECT] }'), /there is no kind "SELECT"; did you mean "select"/],
    [rule('{ kinds: ["*-table"] }'), /\* is for the end of a kind/],
    [rule('{ kinds: [create-fdw-*] }'), /no kind begins/],
    [rule('{ kinds: [exec] }', 'deny: no', onDb), /"exec" is not a kind of command of targets of type postgres/],
    [rule('{ kinds: [file-*] }', 'deny: no', onDb), /"file-\*" is not a kind/],
    [rule('{ kinds: [select] }', 'deny: no', onHost), /"select" is not a kind of command of targets of type ssh/],
    [
      rule('{ kinds: [forward-*] }', 'allow: true', onHost),
      /"forward-\*" allows nothing: forward-local, forward-remote must be named in full/,
    ],
    // Sets.
    ['commands: [{ use: read-onyl }]', /use: there is no rule set "read-onyl"; did you mean "read-only"\?/],
    [
      'commands: [{ use: nothing-at-all }]',
      /use: there is no rule set "nothing-at-all": postgres has everyday, .*; kubernetes has .*no-secrets/,
    ],
    // Words of other programs.
    [rule('{ verbs: [get] }'), /match: unknown key "verbs": verbs are among the `kinds`/],
    // Relations, functions, columns.
    [rule('{ relations: [db.public.orders] }'), /relations\.0: "db\.public\.orders" has too many dots/],
    [rule('{ relations: [public.] }'), /has an empty part/],
    [rule('{ relations: [.orders] }'), /has an empty part/],
    [rule('{ relations: ["ord*"] }'), /\* stands for a whole name/],
    [rule(`{ relations: ['"Orders"'] }`), /has quotes/],
    [rule('{ relations: ["orders "] }'), /blank at the end/],
    [rule('{ writes: [a.b.c] }'), /writes\.0: .* too many dots/],
    [rule('{ relations: [orders] }', 'deny: no', onHost), /relations is not about targets of type ssh/],
    [rule('{ missingWhere: true }', 'deny: no', onHost), /missingWhere is not about targets of type ssh/],
    [rule('{ functions: [pg_sleep()] }'), /without parentheses/],
    [rule('{ functions: ["*_sleep"] }'), /\* is for the end of a name/],
    [rule('{ functions: [a.b.c] }'), /too many dots/],
    ['masking: [{ name: m, columns: [email] }]', /columns\.0: "email" names no table/],
    ['masking: [{ name: m, columns: [d.public.customers.email] }]', /too many dots/],
    ['masking: [{ name: m, columns: [customers.*mail] }]', /\* stands for a whole name/],
    [
      'masking: [{ name: m, columns: [a.b], targets: { names: [web-1] } }]',
      /are hosts: they have no columns; give kinds or patterns/,
    ],
    [
      'masking: [{ name: m, kinds: [emial] }]',
      /masking\.0\.kinds\.0: expected email, .*, not "emial"; did you mean "email"\?/,
    ],
    [
      'masking: [{ name: m, kinds: [email], style: partail }]',
      /masking\.0\.style: expected partial, redact, null, hash or keep-last-4, not "partail"; did you mean "partial"\?/,
    ],
    // Hosts.
    [rule('{ hosts: ["https://x:1"] }'), /not a URL/],
    [rule('{ hosts: ["10.0.0.0/8"] }'), /not a URL or a network/],
    [rule('{ hosts: ["db:99999"] }'), /the port is a number up to 65535/],
    [rule('{ hosts: ["db:http"] }'), /the port is a number/],
    [rule('{ hosts: [":5432"] }'), /names no host/],
    [rule('{ hosts: ["::1:22"] }'), /IPv6 address in brackets/],
    [rule('{ hosts: ["a b:1"] }'), /is not the name or address of a host/],
    [rule('{ hosts: ["db.:1"] }'), /without the dot at its end/],
    [rule('{ paths: [etc/passwd] }'), /expected an absolute path/],
    [rule('{ paths: [~/x] }'), /~ is not read/],
    [rule('{ writesPaths: [/srv/../etc] }'), /without them/],
    [rule('{ programs: ["rm -rf"] }'), /a program is one word/],
    [rule('{ programs: ["/usr/bin/*"] }'), /matched exactly/],
    [rule('{ programs: [/usr/bin/] }'), /is a directory/],
    [rule('{ commands: ["git ... push"] }'), /\.\.\. is for the last word/],
    [rule('{ commands: ["..."] }'), /names no program/],
    [rule('{ commands: [" "] }'), /expected a command line/],
    [rule('{ kinds: [shell], programs: [rm] }'), /programs needs the kind exec/],
    [rule('{ kinds: [file-read], arguments: [x] }'), /arguments needs the kind exec/],
    [rule('{ kinds: [shell], paths: [/x] }'), /paths needs the kind exec, or one that begins with file-/],
    [rule('{ kinds: [exec], hosts: [x] }'), /hosts needs the kind forward-local/],
    [rule('{ hosts: [x], programs: [y] }'), /nothing has both/],
    [rule('{ relations: [x], programs: [y] }'), /no command has both/],
    [rule('{ programs: [rm] }', 'deny: no', onDb), /programs is not about targets of type postgres/],
    [rule('{ logins: [root] }', 'deny: no', onHost), /none of the rule's targets has an account "root"/],
    [rule('{ logins: ["dep*"] }'), /without \*/],
    // Access.
    ['access: [{ name: a, grant: standing, logins: [deplyo] }]', /account "deplyo"; did you mean "deploy"/],
    ['access: [{ name: a, grant: standing, targets: { names: [prod-db] }, logins: [deploy] }]', /account "deploy"/],
    ['access: [{ name: a, grant: standing, maxDuration: 0s }]', /expected a duration/],
    ['access: [{ name: a, grant: standing, maxDuration: 999999d }]', /at most a hundred years/],
    ['limits: { handshake: 30d }', /expected at most 1d/],
    // Groups.
    [
      'access: [{ name: a, grant: standing, who: { groups: [eng, enf] } }]',
      /groups\.1: nobody can be in the group "enf": no issuer gives it; did you mean "eng"/,
    ],
    ['access: [{ name: a, grant: request, approvers: { groups: [ci] } }]', /no person can be in the group "ci"/],
    [
      'access: [{ name: a, grant: standing, who: { kind: service, groups: [eng] } }]',
      /no service can be in the group "eng"/,
    ],
    [
      rule('{}', 'hold: { approvers: { groups: [boss] } }'),
      /hold\.approvers\.groups\.0: no person can be in the group "boss"/,
    ],
    [
      'masking: [{ name: m, kinds: [email], except: { groups: [privacy] } }]',
      /except\.groups\.0: nobody can be in the group/,
    ],
    [
      'access: [{ name: a, grant: break-glass, maxDuration: 1h, who: { groups: [eng] }, breakGlass: { reviewers: { groups: [sre] } } }]',
      /breakGlass: nobody could be told, so nobody would get access/,
    ],
    [
      'access: [{ name: a, grant: break-glass, maxDuration: 1h, who: { groups: [eng] }, breakGlass: { reviewers: { groups: [sre] }, announcement: best-effort, lifts: { holds: [x] } } }]',
      /lifts\.holds\.0: no command rule that holds is named "x"/,
    ],
    [
      'access: [{ name: a, grant: break-glass, maxDuration: 1h, who: { groups: [eng] }, breakGlass: { reviewers: { groups: [boss] }, announcement: best-effort } }]',
      /breakGlass\.reviewers\.groups\.0: no person can be in the group "boss"/,
    ],
    [
      'access: [{ name: a, grant: request, approvers: { groups: [sre], stepUp: passkey } }]',
      /access\.0\.approvers\.stepUp: browsers have passkeys only for https and hosts with a name/,
    ],
    [
      'commands: [{ name: a, hold: { approvers: { groups: [sre], stepUp: passkey } } }]',
      /commands\.0\.hold\.approvers\.stepUp: browsers have passkeys only for https/,
    ],
    ['roles: { audit: [audti] }', /roles\.audit\.0: .* did you mean "audit"/],
    ['tests: [{ given: x, target: prod-db, groups: [x], expect: deny }]', /tests\.0\.groups\.0: no person/],
  ])('%s', (text, message) => {
    expect(() => load(text)).toThrow(message)
    expect(() => load(text)).toThrow(new RegExp(`^f:${LINES}:\\d+: `))
  })

  it.each([
    ['https://pam.example.com', 0],
    ['https://localhost:8443', 0],
    ['http://localhost:8080', 0],
    ['http://pam.example.com', 1],
    ['https://192.0.2.1', 1],
    ['https://[::1]:8443', 1],
  ])('asks for passkeys at %s alone where browsers have them', (url, errors) => {
    const rule = 'access: [{ name: a, grant: request, approvers: { groups: [sre], stepUp: passkey } }]'
    const parse = () => parseConfig(`${BASE}publicUrl: ${url}\n${rule}\n`, 'f')
    if (errors === 0) expect(parse).not.toThrow()
    else expect(parse).toThrow(/browsers have passkeys only for https/)
  })

  it('says nothing of groups where an issuer may give any', () => {
    const open = BASE.replace(', knownGroups: [eng, sre, audit]', '')
    const text = `${open}access: [{ name: a, grant: request, who: { groups: [x] }, approvers: { groups: [y] } }]\n`
    expect(parseConfig(text, 'f').warnings).toEqual([])
  })

  it('says all of it at once', () => {
    expect(() =>
      load('access: [{ name: a, grant: standing, who: { groups: [x] }, logins: [y] }]\nroles: { operate: [z] }'),
    ).toThrow(/"x"[\s\S]*"z"[\s\S]*"y"/)
  })

  it('names the entry of the file, however many rules stand before it', () => {
    const sets =
      'commands:\n  - { use: everyday }\n  - { use: read-only }\n  - { name: r, match: { logins: [x] }, targets: { names: [web-1] }, deny: d }'
    expect(() => load(sets)).toThrow(/^f:11:\d+: commands\.2\.match\.logins\.0/)
    expect(() =>
      load('commands:\n  - { use: read-only }\n  - { name: r, allow: true }\n  - { name: r, allow: true }'),
    ).toThrow(/commands\.2\.name: "r" is used twice/)
    expect(() => load('commands:\n  - { use: everyday }\n  - { use: everyday, targets: { names: [web-1] } }')).toThrow(
      /commands\.1\.name: "everyday: [^"]*" is used twice: give the entries with `use` a `name` of their own/,
    )
  })
})

describe('what is probably not meant is a warning, with line and column', () => {
  it.each([
    [rule('{ kinds: [exec, select] }'), []],
    [
      'access: [{ name: a, grant: standing, targets: { names: [prod-bd] } }]',
      [/names\.0: no target is named "prod-bd"; did you mean "prod-db"/],
    ],
    [
      'access: [{ name: a, grant: standing, targets: { labels: { env: prd } } }]',
      [/no target has the label env: prd; did you mean "prod"/],
    ],
    [
      'masking: [{ name: a, kinds: [email], targets: { labels: { evn: prod } } }]',
      [/no target has a label "evn"; did you mean "env"/],
    ],
    [
      'access: [{ name: a, grant: standing, targets: { names: [web-1], labels: { env: prod } } }]',
      [/no target matches all of this/],
    ],
    // Groups in conditions, however they are looked for; what is no group of a person is left alone.
    ...[
      `'sr' in person.groups`,
      `!('sr' in person.groups) && target.name == 'x'`,
      `person.groups.exists(g, g == 'sr')`,
      `person.groups.exists(g, g in ['eng', 'sr'])`,
      `['eng', 'sr'].exists(g, g in person.groups)`,
      `person.groups.filter(x, 'sr' == x).size() > 0`,
      `person["groups"][0] == 'sr'`,
      `person.groups.all(g, g != 'sr')`,
    ].map((when): [string, RegExp[]] => [
      `access: [{ name: a, grant: standing, when: ${JSON.stringify(when)} }]`,
      [/access\.0\.when: nobody can be in the group "sr": no issuer gives it; did you mean "sre"/],
    ]),
    [
      `commands: [{ name: a, when: "'ci' in person.groups", who: { kind: person }, deny: no }]`,
      [/commands\.0\.when: no person can be in the group "ci"/],
    ],
    [
      `access: [{ name: a, grant: standing, when: "'eng' in person.groups || target.labels['team'] == 'sr' || ['sr'].exists(x, x == person.label)" }]`,
      [],
    ],
    // Rules that an earlier one leaves nothing to.
    [
      'access: [{ name: a, grant: standing }, { name: b, grant: standing, who: { groups: [eng] } }]',
      [/access\.1: never applies: "a" comes first/],
    ],
    ['access: [{ name: a, grant: standing, who: { groups: [eng] } }, { name: b, grant: standing }]', []],
    ['access: [{ name: a, grant: standing, when: "true" }, { name: b, grant: standing }]', []],
    ['access: [{ name: a, grant: standing, who: { kind: person } }, { name: b, grant: standing }]', []],
    ['access: [{ name: a, grant: standing, targets: { names: [prod-db] } }, { name: b, grant: standing }]', []],
    [
      `commands: [{ name: a, ${onDb} deny: no }, { name: b, ${onDb} match: { kinds: [select] }, allow: true }]`,
      [/commands\.1: never applies/],
    ],
    [
      `commands: [{ name: a, ${onDb} match: { kinds: [drop-*] }, deny: no }, { name: b, ${onDb} match: { kinds: [drop-table] }, hold: { approvers: { groups: [sre] } } }]`,
      [/commands\.1: never applies/],
    ],
    [
      `commands: [{ name: a, ${onDb} match: { kinds: [select], relations: [x] }, deny: no }, { name: b, ${onDb} match: { kinds: [select] }, allow: true }]`,
      [],
    ],
    [
      `commands: [{ name: a, ${onDb} match: { relations: [x] }, deny: no }, { name: b, ${onDb} match: { relations: [x] }, allow: true }]`,
      [],
    ],
    [
      `commands: [{ name: a, ${onDb} match: { kinds: [drop-*] }, deny: no }, { name: b, ${onDb} match: { kinds: [drop-table, rename] }, deny: no }]`,
      [],
    ],
    [
      `commands: [{ name: a, ${onDb} match: { unknown: true }, deny: no }, { name: b, ${onDb} match: { kinds: [select] }, allow: true }]`,
      [],
    ],
    [
      `commands: [{ name: a, ${onDb} match: { unknown: true }, allow: true }, { use: read-only, ${onDb} }]`,
      [/does not apply to sessions that the set read-only makes read-only/, /commands\.1: never applies/],
    ],
    // Rules that come too late to refuse.
    [
      `commands: [{ use: everyday, ${onDb} }, { name: b, ${onDb} match: { kinds: [update, delete], missingWhere: true }, deny: no }]`,
      [/"everyday: reading and changing rows" comes first and already allows what this rule would refuse/],
    ],
    [
      `commands: [{ name: a, ${onDb} allow: true }, { name: b, ${onDb} match: { kinds: [truncate] }, hold: { approvers: { groups: [sre] } } }]`,
      [/already allows what this rule would hold/],
    ],
    [`commands: [{ use: no-blind-writes, ${onDb} }, { use: everyday, ${onDb} }]`, []],
    [
      `commands: [{ name: a, ${onDb} match: { kinds: [select] }, allow: true }, { name: b, ${onDb} match: { kinds: [select, drop-table] }, deny: no }]`,
      [],
    ],
  ] as [string, RegExp[]][])('%s', (text, expected) => {
    const { warnings } = load(text)
    expect(warnings).toHaveLength(expected.length)
    expected.forEach((pattern, index) => {
      expect(warnings[index]).toMatch(pattern)
      expect(warnings[index]).toMatch(new RegExp(`^f:${LINES}:\\d+: `))
    })
  })

  it('a kind of the other protocol, in a rule for all targets', () => {
    const text = BASE.replace(/.*name: web-1.*\n/, '')
    const { warnings } = parseConfig(`${text}${rule('{ kinds: [shell] }')}\n`, 'f')
    expect(warnings).toEqual([
      expect.stringMatching(/kinds\.0: "shell" is not a kind of command of targets of type postgres/),
    ])
  })

  it('a rule about services where none can sign in', () => {
    const text = BASE.replace(/.*for: services.*\n/, '')
    const { warnings } = parseConfig(`${text}access: [{ name: a, grant: standing, who: { kind: service } }]\n`, 'f')
    expect(warnings).toEqual([expect.stringMatching(/who\.kind: no issuer signs in services, so this never applies/)])
  })
})

describe('what allowing the unknown opens', () => {
  const masking = (on = ''): string => `\nmasking: [{ name: m, ${on} columns: [customers.email] }]`
  const unknown = rule('{ unknown: true }', 'allow: true')

  it('is said where columns are masked', () => {
    const opened = expect.stringMatching(
      /commands\.0\.match\.unknown: allows statements of unknown effect on prod-db, which masks/,
    )
    expect(load(unknown + masking()).warnings).toContainEqual(opened)
    for (const text of [
      unknown,
      rule('{ unknown: true }', 'deny: no') + masking(),
      rule('{ kinds: [select] }', 'allow: true') + masking(),
      rule('{ unknown: true }', 'allow: true', onHost) + masking(onDb),
    ])
      expect(load(text).warnings).not.toContainEqual(opened)
  })

  it('is said to be nothing in sessions that are read-only', () => {
    const closed = expect.stringMatching(
      /commands\.\d\.match\.unknown: does not apply to sessions that the set read-only makes read-only on prod-db: /,
    )
    const beside = (one: string, set = '{ use: read-only }'): string => one.replace(/\]$/, `, ${set}]`)
    const allowing = rule('{ unknown: true }', 'allow: true')
    for (const text of [
      beside(allowing),
      beside(rule('{ unknown: true }', 'hold: { approvers: { groups: [sre] } }'), `{ use: read-only, ${onDb} }`),
    ])
      expect(load(text).warnings).toContainEqual(closed)
    for (const text of [
      allowing,
      beside(rule('{ unknown: true }', 'deny: no')),
      beside(rule('{ kinds: [select] }', 'allow: true')),
      beside(rule('{ unknown: true }', 'allow: true', onHost)),
      beside(
        rule('{ unknown: true }', 'allow: true', 'who: { kind: service },'),
        '{ use: read-only, who: { kind: person } }',
      ),
    ])
      expect(load(text).warnings).not.toContainEqual(closed)
  })
})

describe('clusters', () => {
  const K8S = '  - { name: prod-k8s, type: kubernetes, host: h, token: env:X }\n'
  const warningsOf = (text: string): readonly string[] => parseConfig(`${BASE}${K8S}${text}\n`, 'f').warnings
  const onCluster = 'targets: { names: [prod-k8s] },'
  const open = expect.stringContaining('no masking rule hides secrets:data.* on prod-k8s')

  it('is told where no rule masks Secrets', () => {
    expect(warningsOf('')).toContainEqual(open)
    expect(warningsOf('masking: [{ name: m, fields: ["secrets:data.password"] }]')).toContainEqual(open)
    expect(warningsOf('masking: [{ name: m, targets: { names: [prod-db] }, columns: [t.c] }]')).toContainEqual(open)
    for (const field of ['secrets:data.*', 'secrets:data', '*:data.*', '*:*'])
      expect(warningsOf(`masking: [{ name: m, fields: ["${field}"] }]`)).not.toContainEqual(open)
  })

  it.each([
    ['fields: ["deployments:spec"]', /fields\.0: "deployments" is not of the core group: write deployments\.apps/],
    ['fields: ["secrets"]', /fields\.0: "secrets": expected OWNER:PATH/],
    ['fields: ["secrets:data..a"]', /expected OWNER:PATH/],
    ['fields: ["secrets:da*a"]', /expected OWNER:PATH/],
    ['fields: ["secrets:data.*"], exceptWhere: ["type"]', /expected PATH=VALUE/],
  ])('a masking rule with %s', (fields, message) => {
    expect(() => warningsOf(`masking: [{ name: m, ${onCluster} ${fields} }]`)).toThrow(message)
  })

  it('has fields, which others have not', () => {
    expect(() => load(`masking: [{ name: m, ${onDb} fields: ["secrets:data.*"] }]`)).toThrow(
      /fields: no target of this rule has objects with fields/,
    )
  })

  it('is told of kinds that are others’, too', () => {
    const both = expect.stringContaining('"delete" is a command of databases and of clusters: name the targets')
    expect(warningsOf(rule('{ kinds: [delete] }', 'allow: true'))).toContainEqual(both)
    expect(warningsOf(rule('{ kinds: [delete] }', 'allow: true', onCluster))).not.toContainEqual(both)
    expect(warningsOf(rule('{ kinds: [delete] }', 'deny: no'))).not.toContainEqual(both)
    expect(warningsOf(rule('{ kinds: [delete], resources: [pods] }', 'allow: true'))).not.toContainEqual(both)
  })
})

describe('hosts for browsers', () => {
  const apps = (url: string, domain: string): string =>
    `${url === '' ? '' : `publicUrl: ${url}\n`}apps: { domain: ${domain} }`
  it.each([
    ['https://pam.example.com', 'pam.example.com', "is the gateway's own host"],
    ['https://pam.example.com', 'example.com', 'or a domain that it is in'],
    ['https://a.pam.example.com:8443', 'pam.example.com', 'or a domain that it is in'],
    ['http://127.0.0.1:8443', 'apps.example.com', 'needs publicUrl with https'],
    ['', 'apps.example.com', 'needs publicUrl with https'],
    ['https://pam.example.com', 'Apps.example.com', 'in lower case'],
    ['https://pam.example.com', 'localhost', 'expected the name of a domain'],
    ['https://pam.example.com', 'apps.example.com.', 'expected the name of a domain'],
    ['https://pam.example.com', '"*.apps.example.com"', 'expected the name of a domain'],
  ])('of a gateway at %s are not below %s', (url, domain, message) => {
    expect(() => load(apps(url, domain))).toThrow(message)
  })

  it.each(['apps.example.com', 'apps.pam.example.com', 'pam-apps.example.org'])('are below %s', (domain) => {
    expect(load(apps('https://pam.example.com', domain)).apps).toEqual({ domain })
  })
})

describe('services of HTTP', () => {
  const HTTP = '  - { name: billing, type: http, host: h }\n'
  const K8S = '  - { name: prod-k8s, type: kubernetes, host: h, token: env:X }\n'
  const warningsOf = (text: string): readonly string[] => parseConfig(`${BASE}${HTTP}${K8S}${text}\n`, 'f').warnings
  const onService = 'targets: { names: [billing] },'

  it.each(['/customers/{id}:/email', '*:/**/iban', '/reports/**:/rows/*/0', '/a:/b~1c/~2'])(
    'have fields: %s',
    (field) => {
      expect(() => warningsOf(`masking: [{ name: m, ${onService} fields: ["${field}"] }]`)).not.toThrow()
    },
  )

  it.each([
    ['fields: ["secrets:data.*"]', /fields\.0: "secrets:data\.\*": expected ROUTE:POINTER/],
    ['fields: ["customers/{id}:/email"]', /a route must begin with a slash/],
    ['fields: ["/cust*:/email"]', /stand for a whole segment/],
    ['fields: ["/a%5Cb:/email"]', /no request is for it/],
    ['fields: ["/a:/email~3"]', /expected ROUTE:POINTER/],
    ['fields: ["/customers"]', /expected OWNER:PATH/],
    ['fields: ["*:/email"], exceptWhere: ["type=x"]', /exceptWhere is for fields as OWNER:PATH/],
  ])('a masking rule with %s', (fields, message) => {
    expect(() => warningsOf(`masking: [{ name: m, ${onService} ${fields} }]`)).toThrow(message)
  })

  it('have other fields than clusters', () => {
    const onCluster = 'targets: { names: [prod-k8s] },'
    expect(() => warningsOf(`masking: [{ name: m, ${onCluster} fields: ["*:/email"] }]`)).toThrow(
      /expected RESOURCE:PATH/,
    )
    expect(() => warningsOf('masking: [{ name: m, fields: ["*:/email", "secrets:data.*"] }]')).not.toThrow()
  })
})

describe('rules that approve without a person', () => {
  const rule = (hours: string, rest = 'who: { groups: [eng] },'): string =>
    `access: [{ name: r, grant: request, ${rest} approvers: { groups: [sre] }, autoApprove: { schedule: { timeZone: UTC, hours: [${hours}] } } }]`
  const ALL = '{ days: [mon, tue, wed, thu, fri, sat, sun], from: "00:00", to: "24:00" }'
  const DAY = '{ days: [mon], from: "08:00", to: "18:00" }'
  it.each([
    ['in hours, for a group', rule(DAY), []],
    ['around the clock', rule(ALL), [/approves around the clock/]],
    ['whoever asks', rule(DAY, ''), [/everybody who signs in, and every service: name groups or people/]],
    ['every service', rule(DAY, 'who: { kind: service },'), [/approves every service/]],
  ])('%s', (_what, text, warnings) => {
    expect(load(text).warnings).toEqual(warnings.map((warning) => expect.stringMatching(warning)))
  })

  const hooked = (hook: string, name = 'oncall'): string =>
    `requests: { approvalWebhooks: [{ name: oncall, secret: "env:A", ${hook} }] }
access: [{ name: r, grant: request, who: { groups: [eng] }, approvers: { groups: [sre] }, autoApprove: { webhook: ${name} } }]`
  const HOOK = 'url: https://oncall.example.com, answerSecret: "env:B"'
  it('may ask a webhook that there is', () => expect(load(hooked(HOOK)).warnings).toEqual([]))

  it.each([
    ['that there is not', hooked(HOOK, 'onkall'), /has no "onkall"; did you mean "oncall"|has no "onkall"/],
    ['without TLS', hooked(HOOK.replace('https', 'http')), /expected https; http is for loopback only/],
    ['with a password in its URL', hooked(HOOK.replace('//', '//u:p@')), /without a user name and password/],
    ['with one secret for both', hooked(HOOK.replace('env:B', 'env:A')), /must be another secret/],
    ['without a secret for answers', hooked('url: https://oncall.example.com'), /answerSecret/],
    ['that may take a minute', hooked(`${HOOK}, timeout: 1m`), /expected at most 10s/],
  ])('a webhook %s is an error', (_what, text, message) => expect(() => load(text)).toThrow(message))

  it('a webhook that no rule asks is a warning', () => {
    expect(load(hooked(HOOK).split('\naccess')[0] ?? '').warnings).toEqual([
      expect.stringMatching(/no access rule asks it/),
    ])
  })

  it('need approvers for what they do not approve', () => {
    expect(() => load(rule(DAY).replace('approvers: { groups: [sre] },', ''))).toThrow(/needs approvers/)
  })
})
