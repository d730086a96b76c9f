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
  'wire/postgres': ['wire/*.ts', 'wire/postgres/'],
  'wire/sftp': ['wire/*.ts', 'wire/sftp/'],
  'wire/ssh': ['wire/*.ts'],
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
  gateway: ['shared/', 'policy/', 'masking/', 'access/', 'identity/', 'credentials/', 'recording/', 'gateway/*.ts'],
  // The composition root: the program, and what each of its verbs puts together.
  'gateway/main.ts': [''],
  'gateway/start.ts': [''],
  'gateway/start-evidence.ts': [''],
  'gateway/start-audit-delivery.ts': [''],
  'gateway/start-notifications.ts': [''],
  'gateway/api-settings.ts': [''],
  'gateway/check.ts': [''],
  'gateway/check-connect.ts': [''],
  'gateway/load-config.ts': [''],
  'gateway/keep-records.ts': [''],
  'gateway/open-store.ts': [''],
  'gateway/postgres': [
    'shared/',
    'sql/',
    'wire/*.ts',
    'wire/postgres/',
    'gateway/*.ts',
    'gateway/postgres/',
    'masking/',
    'type:policy/',
    'type:credentials/',
  ],
  'gateway/ssh': [
    'shared/',
    'wire/*.ts',
    'wire/sftp/',
    'gateway/*.ts',
    'gateway/ssh/',
    'masking/',
    'type:policy/',
    'type:recording/',
    'type:credentials/',
  ],
  api: [
    'shared/',
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
  'gateway-client': ['shared/', 'gateway-client/', 'type:api/schemas/', 'type:recording/'],
  agent: [
    'shared/',
    'agent/',
    'gateway-client/',
    'wire/postgres/refuse.ts',
    'wire/postgres/challenge.ts',
    'wire/ssh/refuse.ts',
    'type:api/schemas/',
  ],
  cli: [
    'shared/',
    'cli/',
    'gateway-client/',
    'agent/control-client.ts',
    'agent/paths.ts',
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
    expect([...folders].filter((folder) => !(folder in RULES))).toEqual([])
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
      .filter((file) => file.startsWith('wire/'))
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
