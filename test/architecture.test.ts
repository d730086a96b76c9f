import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parseSync } from 'vite'
import { describe, expect, it } from 'vitest'

/**
 * What a room (a folder or a file of src) may use. The longest row that matches a file counts; a new folder brings a new row.
 * `imports` are prefixes of paths below src, `/*.ts` for the files of a folder without its sub-folders; `type:` allows type
 * imports alone. `packages` are names of packages and of Node's modules. `clock` and `environment` allow Date.now and
 * performance.now, process.env and process.argv.
 */
interface Row {
  readonly imports: readonly string[]
  readonly packages?: readonly string[]
  readonly clock?: boolean
  readonly environment?: boolean
}

const FILES = ['node:fs', 'node:fs/promises', 'node:path', 'node:os']

const ROWS: Readonly<Record<string, Row>> = {
  // Below: nothing of the business.
  shared: {
    imports: ['shared/'],
    packages: [
      'node:buffer',
      'node:crypto',
      'node:fs',
      'node:http',
      'node:https',
      'node:net',
      'node:stream',
      'node:url',
      'node:v8',
      'node:worker_threads',
      'pino',
      'yaml',
      'zod',
    ],
  },
  // How providers answer, for pamctl and for the dashboard's sign-in alike.
  'shared/identity-provider.ts': { imports: ['shared/'], packages: ['openid-client'] },
  'shared/clock.ts': { imports: [], clock: true },
  wire: { imports: ['wire/'] },
  tunnel: { imports: ['shared/', 'tunnel/'], packages: ['node:crypto', 'type:node:stream', 'type:ws'] },

  // The business, without I/O.
  policy: {
    imports: ['shared/', 'policy/'],
    packages: ['@marcbachmann/cel-js', 'node:crypto', 're2js', 'zod'],
  },
  sql: { imports: ['sql/'] },
  'sql/lineage': { imports: ['sql/', 'type:masking/'] },
  'sql/masking': { imports: ['sql/', 'type:masking/'] },
  'sql/statement.ts': { imports: ['type:policy/'] },
  'sql/patterns.ts': { imports: ['policy/patterns.ts'] },
  'sql/vocabulary.ts': {
    imports: ['sql/', 'policy/patterns.ts', 'policy/vocabulary.ts', 'type:policy/'],
    packages: ['zod'],
  },
  masking: { imports: ['shared/', 'masking/', 'type:policy/'], packages: ['node:crypto', 'node:net'] },
  access: { imports: ['shared/', 'access/', 'type:policy/'] },

  // Evidence, identity, storage.
  recording: {
    imports: ['shared/', 'recording/'],
    packages: [
      ...FILES,
      'age-encryption',
      'node:crypto',
      'node:stream',
      'node:stream/consumers',
      'node:stream/web',
      'node:util',
      'node:zlib',
      's3mini',
    ],
    clock: true,
  },
  'audit-delivery': {
    imports: ['shared/', 'audit-delivery/', 'recording/audit-chain.ts', 'type:recording/'],
    packages: [...FILES, 'node:crypto', 'node:tls'],
    clock: true,
  },
  notify: { imports: ['shared/', 'notify/', 'access/', 'type:identity/'], packages: ['node:crypto', 'ws'] },
  identity: {
    imports: ['shared/', 'identity/'],
    packages: ['jose', 'node:crypto', 'openid-client', 'zod'],
    clock: true,
  },
  credentials: { imports: ['shared/', 'credentials/'], packages: ['node:fs', 'node:path', 'zod'], environment: true },
  storage: {
    imports: [
      'shared/',
      'storage/',
      'access/',
      'recording/audit-chain.ts',
      'type:policy/',
      'type:identity/',
      'type:recording/',
      'type:notify/',
    ],
    packages: ['kysely', 'libsql', 'node:fs', 'node:path', 'pg'],
    clock: true,
  },

  // The data plane: knows no protocol, no configuration and no API.
  gateway: {
    imports: [
      'shared/',
      'tunnel/',
      'policy/',
      'masking/',
      'access/',
      'identity/',
      'credentials/',
      'recording/',
      'gateway/',
    ],
    packages: ['node:events', 'node:crypto', 'node:http', 'node:net', 'node:path', 'node:stream', 'ws'],
  },

  // Protocols: what all share, and the three lists.
  protocols: { imports: ['protocols/*.ts', 'type:shared/', 'type:gateway/', 'type:api/schemas/'] },
  'protocols/protocol.ts': { imports: ['type:gateway/', 'type:policy/', 'type:shared/'], packages: ['type:zod'] },
  'protocols/policy-language.ts': { imports: ['policy/language.ts', 'protocols/gateway.ts'] },
  'protocols/target-shape.ts': { imports: [], packages: ['zod'] },
  'protocols/gateway.ts': { imports: ['protocols/*.ts', 'protocols/postgres/*.ts', 'protocols/ssh/*.ts'] },
  'protocols/local.ts': { imports: ['protocols/*.ts', 'protocols/postgres/local.ts', 'protocols/ssh/local.ts'] },
  'protocols/client.ts': { imports: ['protocols/*.ts', 'protocols/postgres/client.ts', 'protocols/ssh/client/'] },

  'protocols/postgres': {
    imports: ['shared/', 'credentials/', 'protocols/*.ts', 'protocols/postgres/*.ts'],
    packages: ['zod'],
  },
  'protocols/postgres/gateway-half.ts': {
    imports: ['type:protocols/protocol.ts', 'protocols/postgres/', 'sql/vocabulary.ts'],
  },
  'protocols/postgres/rule-sets.ts': { imports: ['shared/words.ts', 'type:policy/'] },
  'protocols/postgres/wire': { imports: ['wire/*.ts', 'protocols/postgres/wire/'], packages: ['node:crypto'] },
  'protocols/postgres/local.ts': {
    imports: ['type:protocols/local-half.ts', 'protocols/postgres/local/', 'protocols/postgres/sqlstates.ts'],
  },
  'protocols/postgres/local': {
    imports: ['type:protocols/local-half.ts', 'protocols/postgres/local/', 'protocols/postgres/wire/'],
    packages: ['node:crypto'],
  },
  'protocols/postgres/client.ts': {
    imports: ['type:api/schemas/', 'type:protocols/client-half.ts'],
    packages: FILES,
  },
  'protocols/postgres/dialect': {
    imports: [
      'shared/',
      'sql/',
      'type:policy/',
      'type:protocols/postgres/wire/',
      'protocols/postgres/default-schema.ts',
      'protocols/postgres/catalog/',
      'protocols/postgres/dialect/',
      'type:protocols/postgres/masking/',
    ],
    packages: ['libpg-query', 'type:@pgsql/types'],
  },
  'protocols/postgres/catalog': {
    imports: [
      'shared/',
      'wire/*.ts',
      'type:sql/',
      'type:masking/',
      'protocols/postgres/catalog/',
      'type:protocols/postgres/masking/',
    ],
  },
  'protocols/postgres/catalog/shared-definitions.ts': { imports: [], clock: true },
  'protocols/postgres/masking': {
    imports: [
      'sql/',
      'type:masking/',
      'protocols/postgres/catalog/',
      'protocols/postgres/masking/',
      'protocols/postgres/dialect/',
    ],
  },
  'protocols/postgres/gateway': {
    imports: [
      'shared/',
      'wire/*.ts',
      'sql/',
      'gateway/',
      'masking/',
      'type:credentials/',
      'type:policy/',
      'protocols/postgres/sqlstates.ts',
      'protocols/postgres/target.ts',
      'protocols/postgres/wire/',
      'protocols/postgres/dialect/',
      'protocols/postgres/catalog/',
      'protocols/postgres/masking/',
      'protocols/postgres/gateway/',
    ],
    packages: ['node:buffer', 'node:crypto', 'node:fs', 'node:net', 'node:path', 'node:tls', 'node:util'],
    clock: true,
  },

  'protocols/ssh': {
    imports: ['shared/', 'credentials/', 'protocols/*.ts', 'protocols/ssh/*.ts'],
    packages: ['node:crypto', 'node:fs', 'node:path', 'ssh2', 'zod'],
  },
  'protocols/ssh/gateway-half.ts': { imports: ['type:protocols/protocol.ts', 'protocols/ssh/'] },
  'protocols/ssh/wire': { imports: ['wire/*.ts', 'protocols/ssh/wire/'] },
  'protocols/ssh/local.ts': { imports: ['type:protocols/local-half.ts', 'protocols/ssh/local/'] },
  'protocols/ssh/local': { imports: ['type:protocols/local-half.ts', 'protocols/ssh/local/'] },
  'protocols/ssh/client': {
    imports: [
      'protocols/ssh/client/',
      'shared/errors.ts',
      'shared/file-problem.ts',
      'shared/own-program.ts',
      'type:api/schemas/',
      'type:protocols/client-half.ts',
    ],
    packages: [...FILES, 'node:crypto'],
  },
  'protocols/ssh/command': {
    imports: ['shared/', 'type:policy/', 'protocols/ssh/command/'],
    packages: ['node:path', 'unbash'],
  },
  'protocols/ssh/policy': {
    imports: [
      'shared/words.ts',
      'policy/patterns.ts',
      'policy/vocabulary.ts',
      'type:policy/',
      'protocols/ssh/policy/',
      'type:protocols/ssh/command/',
    ],
    packages: ['zod'],
  },
  'protocols/ssh/output': { imports: ['type:masking/', 'masking/', 'protocols/ssh/output/'] },
  'protocols/ssh/transfer': {
    imports: [
      'shared/',
      'type:policy/',
      'type:recording/',
      'gateway/',
      'protocols/ssh/wire/',
      'protocols/ssh/command/',
      'protocols/ssh/gateway/',
      'protocols/ssh/transfer/',
    ],
    packages: ['node:crypto', 'node:path', 'type:ssh2'],
    clock: true,
  },
  'protocols/ssh/gateway': {
    imports: [
      'shared/',
      'wire/*.ts',
      'type:policy/',
      'type:credentials/',
      'type:masking/',
      'masking/',
      'gateway/',
      'type:protocols/protocol.ts',
      'protocols/ssh/*.ts',
      'protocols/ssh/command/',
      'protocols/ssh/gateway/',
      'protocols/ssh/output/',
      'protocols/ssh/transfer/',
    ],
    packages: ['node:crypto', 'node:fs', 'node:module', 'node:net', 'node:path', 'node:stream', 'node:vm', 'type:ssh2'],
    clock: true,
  },

  // The API and its clients.
  'api/schemas': { imports: ['api/schemas/'], packages: ['zod'] },
  api: {
    imports: [
      'shared/',
      'api/',
      'policy/',
      'access/',
      'identity/',
      'storage/',
      'type:tunnel/',
      'tunnel/web-socket-channel.ts',
      'recording/frame.ts',
      'recording/read.ts',
      'recording/verify.ts',
      'recording/asciicast.ts',
      'recording/audit-chain.ts',
      'type:recording/',
      'gateway/session-registry.ts',
    ],
    packages: [
      '@fastify/rate-limit',
      '@fastify/swagger',
      'fastify',
      'fastify-type-provider-zod',
      'node:crypto',
      'node:fs',
      'node:http',
      'node:https',
      'node:net',
      'node:path',
      'node:stream',
      'node:zlib',
      'prom-client',
      'zod',
    ],
  },
  'gateway-client': {
    imports: ['shared/', 'tunnel/', 'gateway-client/', 'type:api/schemas/', 'type:recording/'],
    packages: ['jose', 'node:crypto', 'type:node:stream', 'openid-client', 'ws'],
  },
  agent: {
    imports: [
      'shared/',
      'tunnel/',
      'agent/',
      'gateway-client/',
      'protocols/local.ts',
      'protocols/names.ts',
      'type:protocols/client-half.ts',
      'type:protocols/local-half.ts',
      'type:api/schemas/',
    ],
    packages: [...FILES, '@napi-rs/keyring', 'node:child_process', 'node:crypto', 'node:net', 'node:url', 'type:jose'],
    clock: true,
    environment: true,
  },
  cli: {
    imports: [
      'shared/',
      'tunnel/',
      'cli/',
      'gateway-client/',
      'agent/control-client.ts',
      'agent/paths.ts',
      'protocols/client.ts',
      'protocols/names.ts',
      'protocols/ssh/client/ssh-config.ts',
      'type:protocols/client-half.ts',
      'type:agent/',
      'recording/verify.ts',
      'recording/read.ts',
      'recording/encryption.ts',
      'recording/audit-chain.ts',
      'recording/ocsf.ts',
      'recording/timeline.ts',
      'recording/asciicast.ts',
      'recording/homes/directory.ts',
      'type:recording/',
      'type:api/schemas/',
    ],
    packages: [
      ...FILES,
      '@inquirer/prompts',
      'cli-table3',
      'commander',
      'node:child_process',
      'node:net',
      'node:stream',
      'node:stream/promises',
    ],
    clock: true,
    environment: true,
  },
  // Each library that is loaded where it is used has one door.
  'cli/output/colours.ts': { imports: [], packages: ['chalk'] },
  'cli/output/spinner.ts': { imports: ['type:cli/output/io.ts'], packages: ['ora'] },
  'cli/commands/config.ts': { imports: ['shared/', 'cli/'], packages: ['conf'] },
  // The hidden verb `agent run` is the agent's own entry.
  'cli/commands/agent.ts': {
    imports: ['shared/', 'cli/', 'agent/control-client.ts', 'agent/main.ts'],
    packages: ['commander'],
  },

  // Programs: what each puts together.
  server: {
    imports: [''],
    packages: [
      ...FILES,
      'cli-table3',
      'commander',
      'node:crypto',
      'node:http',
      'node:net',
      'node:stream',
      'node:stream/consumers',
      'node:tls',
      'node:url',
      'zod',
    ],
    clock: true,
    environment: true,
  },
  'evaluation-idp': {
    imports: ['shared/', 'evaluation-idp/'],
    packages: ['jose', 'node:crypto', 'node:fs', 'node:http', 'node:net', 'node:util', 'oidc-provider', 'zod'],
    clock: true,
  },
  demo: {
    imports: ['demo/', 'evaluation-idp/people.ts', 'shared/'],
    packages: [...FILES, 'node:child_process', 'node:module', 'node:net', 'pg'],
    clock: true,
    environment: true,
  },
}

/** Features of the dashboard that may use another one. */
const WEB_FEATURES: Readonly<Record<string, readonly string[]>> = {
  // A grant is revoked from either page.
  access: ['live'],
  // A live session is shown by the parts that show a recorded one.
  live: ['sessions'],
}

const ROOT = join(import.meta.dirname, '..')
const SRC = join(ROOT, 'src')
const WEB = join(ROOT, 'web')

interface Import {
  readonly from: string
  /** A path below src (or below web), or the name of a package. */
  readonly to: string
  readonly typeOnly: boolean
}

describe('architecture', () => {
  const files = sourcesIn(SRC)
  const imports = files.flatMap((file) => importsOf(SRC, file))
  const inside = imports.filter(({ to }) => to.endsWith('.ts'))

  it('every folder has a row', () => {
    const rows = new Set(Object.keys(ROWS).map((row) => row.split('/')[0]))
    expect(files.map((file) => file.split('/')[0]).filter((folder) => !rows.has(folder))).toEqual([])
  })

  it('every row has files, and every prefix in it leads somewhere', () => {
    const leads = (pattern: string): boolean =>
      files.some((file) =>
        pattern.endsWith('/*.ts') ? dirname(file) === pattern.slice(0, -5) : file.startsWith(pattern),
      )
    const dead = Object.entries(ROWS).flatMap(([row, { imports: prefixes }]) =>
      [row, ...prefixes.map((prefix) => prefix.replace(/^type:/, ''))].filter((prefix) => !leads(prefix)),
    )
    expect(dead).toEqual([])
  })

  it('nobody imports what the table does not allow', () => {
    expect(inside.filter((item) => !mayImport(item)).map(described)).toEqual([])
  })

  it('nobody uses a package or a module of Node that the table does not allow', () => {
    const outside = imports.filter(({ to }) => !to.endsWith('.ts'))
    expect(outside.filter((item) => !mayUse(item)).map(described)).toEqual([])
  })

  it('what is imported at run time is named by a constant', () => {
    expect(imports.filter(({ to }) => to === '?').map(({ from }) => from)).toEqual([])
  })

  it('clocks and the environment are read where the table says', () => {
    const wrong = files.flatMap((file) => {
      const { clock = false, environment = false } = rowOf(file)
      const text = readFileSync(join(SRC, file), 'utf8')
      return [
        ...(clock ? [] : (text.match(/\b(?:Date\.now|performance\.now|process\.hrtime|new Date\(\))/g) ?? [])),
        ...(environment ? [] : (text.match(/\bprocess\.(?:env|argv)\b/g) ?? [])),
      ].map((use) => `${file}: ${use}`)
    })
    expect(wrong).toEqual([])
  })

  it('no file imports in a circle, by value or by type', () => {
    expect(circles(graphOf(inside))).toEqual([])
  })

  it('no folder imports in a circle', () => {
    const room = (file: string): string =>
      file.startsWith('protocols/') ? file.split('/').slice(0, 2).join('/') : (file.split('/')[0] as string)
    const between = inside
      .map(({ from, to, typeOnly }) => ({ from: room(from), to: room(to), typeOnly }))
      .filter(({ from, to }) => from !== to)
    expect(circles(graphOf(between))).toEqual([])
  })

  it('codecs are pure: nothing asynchronous, no timers', () => {
    const wrong = files
      .filter((file) => /^wire\/|^protocols\/\w+\/wire\//.test(file))
      .filter((file) => /setTimeout|setInterval|\bawait\b|\basync\b/.test(readFileSync(join(SRC, file), 'utf8')))
    expect(wrong).toEqual([])
  })

  it('the web takes the typed client, types of schemas and records, and what is shared', () => {
    const wrong = sourcesIn(WEB)
      .flatMap((file) => importsOf(WEB, file))
      .filter(({ to }) => to.startsWith('../src/'))
      .filter(({ to, typeOnly }) => {
        const path = to.slice('../src/'.length)
        return !(
          path === 'gateway-client/api-client.ts' ||
          path === 'protocols/names.ts' ||
          path.startsWith('shared/') ||
          (typeOnly && /^(api\/schemas|recording|gateway-client)\//.test(path))
        )
      })
    expect(wrong.map(described)).toEqual([])
  })

  it('a feature of the dashboard takes parts of another one only where the table says', () => {
    const featureOf = (file: string): string | undefined => /^features\/([^/]+)\//.exec(file)?.[1]
    const wrong = sourcesIn(WEB)
      .flatMap((file) => importsOf(WEB, file))
      .filter(({ from, to }) => {
        const [one, other] = [featureOf(from), featureOf(to)]
        if (one === undefined || other === undefined || one === other) return false
        return WEB_FEATURES[one]?.includes(other) !== true
      })
    expect(wrong.map(described)).toEqual([])
  })
})

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => file.replaceAll('\\', '/'))
}

/** As much of a syntax tree (ESTree, TS-ESTree) as imports need. */
interface Node {
  readonly type: string
  readonly source?: { readonly value?: unknown } | null
  readonly argument?: { readonly literal?: { readonly value?: unknown } }
  readonly importKind?: string
  readonly exportKind?: string
  readonly specifiers?: readonly { readonly importKind?: string; readonly exportKind?: string }[]
}

/** Read by a parser: imports without names, of types, at run time, and exports from elsewhere included. */
function importsOf(folder: string, file: string): Import[] {
  const text = readFileSync(join(folder, file), 'utf8')
  const { program, errors } = parseSync(file, text, { lang: file.endsWith('x') ? 'tsx' : 'ts', sourceType: 'module' })
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]?.message}`)
  const found: Import[] = []
  const add = (specifier: unknown, typeOnly: boolean): void => {
    const text = typeof specifier === 'string' ? specifier : '?'
    found.push({
      from: file,
      to: text.startsWith('.') ? relative(folder, join(folder, dirname(file), text)) : text,
      typeOnly,
    })
  }
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit)
    if (node === null || typeof node !== 'object') return
    const { type, source, argument, importKind, exportKind, specifiers } = node as Node
    switch (type) {
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration': {
        if (source === null || source === undefined) break
        const kinds = (specifiers ?? []).map((item) => item.importKind ?? item.exportKind)
        add(
          source.value,
          (importKind ?? exportKind) === 'type' || (kinds.length > 0 && kinds.every((kind) => kind === 'type')),
        )
        break
      }
      case 'ImportExpression':
        add(source?.value, false)
        break
      case 'TSImportType':
        add((source ?? argument?.literal)?.value, true)
        break
    }
    Object.values(node).forEach(visit)
  }
  visit(program)
  return found
}

function rowOf(file: string): Row {
  const row = Object.keys(ROWS)
    .filter((key) => file === key || file.startsWith(`${key}/`))
    .toSorted((a, b) => b.length - a.length)[0]
  return ROWS[row ?? ''] ?? { imports: [] }
}

function mayImport({ from, to, typeOnly }: Import): boolean {
  return rowOf(from).imports.some((rule) => {
    const onlyTypes = rule.startsWith('type:')
    const pattern = onlyTypes ? rule.slice(5) : rule
    if (onlyTypes && !typeOnly) return false
    if (pattern.endsWith('/*.ts')) return dirname(to) === pattern.slice(0, -5)
    return to === pattern || (pattern.endsWith('/') || pattern === '' ? to.startsWith(pattern) : false)
  })
}

function mayUse({ from, to, typeOnly }: Import): boolean {
  const { packages = [] } = rowOf(from)
  return packages.includes(to) || (typeOnly && packages.includes(`type:${to}`))
}

const described = ({ from, to, typeOnly }: Import): string => `${from} → ${to}${typeOnly ? ' (type)' : ''}`

function graphOf(imports: readonly Import[]): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>()
  for (const { from, to } of imports) graph.set(from, (graph.get(from) ?? new Set<string>()).add(to))
  return graph
}

/** Groups of nodes that reach each other (Tarjan 1972). */
function circles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const found: string[][] = []
  const visit = (node: string): void => {
    index.set(node, index.size)
    low.set(node, index.get(node) as number)
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) visit(next)
      if (stack.includes(next)) low.set(node, Math.min(low.get(node) as number, low.get(next) as number))
    }
    if (low.get(node) !== index.get(node)) return
    const group = stack.splice(stack.indexOf(node))
    if (group.length > 1) found.push(group.toSorted())
  }
  for (const node of graph.keys()) if (!index.has(node)) visit(node)
  return found
}
