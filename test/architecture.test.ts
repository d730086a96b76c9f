import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

/**
 * Who may import whom. A key is a folder (or file) of src, the longest that fits counts; a value lists what it may
 * import, as prefixes of paths. `type:` allows only type imports. A new folder brings a new row.
 */
const RULES: Record<string, readonly string[]> = {
  shared: ['shared/'],
  wire: ['wire/'],
  tunnel: ['shared/', 'tunnel/'],
  policy: ['shared/', 'policy/'],
  sql: ['sql/'],
  masking: ['shared/', 'masking/', 'type:policy/'],
  access: ['shared/', 'access/', 'type:policy/'],
  recording: ['shared/', 'recording/'],
  notify: ['shared/', 'notify/', 'access/', 'type:identity/'],
  'audit-delivery': ['shared/', 'audit-delivery/', 'recording/audit-chain.ts', 'type:recording/'],
  identity: ['shared/', 'identity/'],
  credentials: ['shared/', 'credentials/'],
  storage: [
    'shared/',
    'storage/',
    'access/',
    'recording/audit-chain.ts',
    'type:policy/',
    'type:identity/',
    'type:recording/',
    'type:notify/',
  ],
  // The data plane: knows no protocol.
  gateway: [
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
  // The program pam-gateway: what each of its verbs puts together.
  server: [''],
  'protocols/*.ts': ['protocols/*.ts', 'type:gateway/'],
  'protocols/gateway.ts': ['protocols/', 'type:gateway/'],
  'protocols/prepared-client.ts': [],
  'protocols/postgres/wire': ['wire/*.ts', 'protocols/postgres/wire/'],
  'protocols/postgres/local': ['protocols/postgres/local/', 'protocols/postgres/wire/'],
  'protocols/postgres/client.ts': ['type:agent/', 'type:api/schemas/', 'type:protocols/prepared-client.ts'],
  'protocols/postgres': [
    'shared/',
    'sql/',
    'wire/*.ts',
    'gateway/',
    'masking/',
    'protocols/postgres/wire/',
    'protocols/postgres/dialect/',
    'protocols/postgres/catalog/',
    'protocols/postgres/lineage/',
    'protocols/postgres/gateway/',
    'type:policy/',
    'type:credentials/',
  ],
  'protocols/ssh/wire': ['wire/*.ts', 'protocols/ssh/wire/'],
  'protocols/ssh/local': ['wire/*.ts'],
  'protocols/ssh/client': [
    'protocols/ssh/client/',
    'shared/',
    'agent/paths.ts',
    'type:agent/',
    'type:api/schemas/',
    'type:cli/context.ts',
    'type:protocols/prepared-client.ts',
  ],
  'protocols/ssh': [
    'shared/',
    'wire/*.ts',
    'gateway/',
    'masking/',
    'protocols/ssh/wire/',
    'protocols/ssh/command/',
    'protocols/ssh/gateway/',
    'protocols/ssh/output/',
    'protocols/ssh/transfer/',
    'type:policy/',
    'type:recording/',
    'type:credentials/',
  ],
  api: [
    'shared/',
    'tunnel/',
    'api/',
    'policy/',
    'access/',
    'identity/',
    'storage/',
    'recording/frame.ts',
    'recording/read.ts',
    'recording/verify.ts',
    'recording/asciicast.ts',
    'recording/audit-chain.ts',
    'type:recording/',
    'gateway/session-registry.ts',
  ],
  'api/schemas': ['api/schemas/'],
  'gateway-client': ['shared/', 'tunnel/', 'gateway-client/', 'type:api/schemas/', 'type:recording/'],
  agent: [
    'shared/',
    'tunnel/',
    'agent/',
    'gateway-client/',
    'protocols/postgres/local/',
    'protocols/ssh/local/',
    'type:api/schemas/',
  ],
  cli: [
    'shared/',
    'tunnel/',
    'cli/',
    'gateway-client/',
    'agent/control-client.ts',
    'agent/paths.ts',
    'protocols/prepared-client.ts',
    'protocols/postgres/client.ts',
    'protocols/ssh/client/',
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
  // The hidden verb `agent run` is the agent's own entry.
  'cli/commands/agent.ts': ['shared/', 'cli/', 'agent/control-client.ts', 'agent/main.ts'],
  'evaluation-idp': ['shared/', 'evaluation-idp/'],
  demo: ['demo/', 'evaluation-idp/people.ts', 'shared/'],
}

const SRC = join(import.meta.dirname, '..', 'src')

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

describe('architecture', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
  const imports = files.flatMap(importsOf)

  it('every folder has a row', () => {
    const folders = new Set(files.map((file) => file.split('/')[0] as string))
    expect([...folders].filter((folder) => !Object.keys(RULES).some((key) => key.split('/')[0] === folder))).toEqual([])
  })

  it('nobody imports what the table does not allow', () => {
    const wrong = imports
      .filter((item) => !isAllowed(item))
      .map(({ from, to, typeOnly }) => `${from} → ${to}${typeOnly ? ' (type)' : ''}`)
    expect(wrong).toEqual([])
  })

  it('the web takes the typed client, types of schemas and records, and what is shared', () => {
    const web = join(SRC, '..', 'web')
    const wrong = readdirSync(web, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file))
      .flatMap((file) =>
        [...readFileSync(join(web, file), 'utf8').matchAll(/import\s+(type\s)?[^'"]*?from\s+'([./]+)src\/([^']+)'/g)]
          .filter(([, type, , path = '']) => {
            const isType = type !== undefined
            return !(
              path === 'gateway-client/api-client.ts' ||
              path.startsWith('shared/') ||
              (isType && /^(api\/schemas|recording|gateway-client)\//.test(path))
            )
          })
          .map(([whole]) => `${file}: ${whole}`),
      )
    expect(wrong).toEqual([])
  })

  it('codecs are pure: no sockets, no clock, no files', () => {
    const wrong = files
      .filter((file) => /^wire\/|^protocols\/\w+\/wire\//.test(file))
      .filter((file) =>
        /from 'node:(?!crypto)|Date\.now|setTimeout|\bawait\b/.test(readFileSync(join(SRC, file), 'utf8')),
      )
    expect(wrong).toEqual([])
  })
})

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), 'utf8')
  return [...text.matchAll(/^\s*(?:import|export)\s+(type\s)?[^'"]*?from\s+'(\.[^']+)'|import\('(\.[^']+)'\)/gm)].map(
    ([whole, type, path, dynamic]) => ({
      from: file,
      to: relative(SRC, join(SRC, dirname(file), path ?? dynamic ?? '')),
      // `import { type A, type B }` is a type import as well.
      typeOnly: type !== undefined || /\{\s*(type\s+\w+,?\s*)+\}/.test(whole),
    }),
  )
}

function isAllowed({ from, to, typeOnly }: Import): boolean {
  const row = Object.keys(RULES)
    .filter((key) => from === key || from.startsWith(`${key}/`))
    .toSorted((a, b) => b.length - a.length)[0]
  return (RULES[row ?? ''] ?? []).some((rule) => {
    const onlyTypes = rule.startsWith('type:')
    const pattern = onlyTypes ? rule.slice(5) : rule
    if (onlyTypes && !typeOnly) return false
    if (pattern.endsWith('/*.ts')) return dirname(to) === pattern.slice(0, -5)
    return to === pattern || (pattern.endsWith('/') || pattern === '' ? to.startsWith(pattern) : false)
  })
}
