import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { foreignWords, parseYaml, readYamlFile, renamedKeys } from '../../src/shared/yaml-file.ts'

const bomb = [
  'a0: &a0 [x, x]',
  ...Array.from({ length: 30 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`),
]
const wide = ['a: &a [x]', `b: [${'*a,'.repeat(6000)}]`]

describe('a YAML file', () => {
  it.each([
    ['an alias bomb', bomb.join('\n'), /^f:5:\d+: aliases stand for more than 10000 values/],
    ['many aliases of little', wide.join('\n'), /^f:2:\d+: aliases stand for more/],
    [
      'a merge bomb',
      bomb.map((line) => line.replace(/\[\*a(\d+),.*/, '{<<: *a$1}')).join('\n'),
      /^f:\d+:\d+: Merge sources/,
    ],
    ['an alias of nothing', 'a: *x', /^f:1:4: there is no anchor &x before this$/],
    ['an alias before its anchor', 'a: *x\nb: &x 1', /^f:1:4: there is no anchor &x before this$/],
    ['an alias of what it stands in', 'a: &x [1, *x]', /^f:1:11: \*x contains itself$/],
    ['an alias of a map that it stands in', 'a: &x\n  b: { c: *x }', /^f:2:11: \*x contains itself$/],
    ['a key twice', 'a: 1\na: 2', /^f:2:1: Map keys must be unique$/],
    ['two documents', 'a: 1\n---\nb: 2', /^f:2:1: expected one document/],
    ['a tag of its own', 'a: !foo x', /^f:1:4: Unresolved tag: !foo$/],
    ['another version of YAML', '%YAML 1.1\n---\na: yes', /^f:1:1: expected YAML 1.2$/],
    ['an unknown directive', '%FOO bar\n---\na: 1', /^f:1:1: Unknown directive %FOO$/],
    ['lists in lists', '['.repeat(20_000), /^f:1:66: nested more than 64 levels deep$/],
    ['lists in lists, as blocks', `${'- '.repeat(5000)}x`, /^f:1:\d+: nested more than 64 levels deep$/],
    ['maps in maps', '{a: '.repeat(20_000), /^f:1:\d+: nested more than 64 levels deep$/],
    ['keys in keys', `${'? '.repeat(5000)}x`, /^f:1:\d+: nested more than 64 levels deep$/],
    ['a key that is a list', '? [a]\n: b', /^f:1:3: With stringKeys, all keys must be strings$/],
    ['a tab', 'a:\n\t- b', /^f:2:1: Tabs are not allowed/],
    ['a list without its end', 'a: [1,', /^f:1:7: Flow sequence/],
    ['a value of another type', 'a: b', /^f:1:4: a: expected a number, not text$/],
  ])('%s is refused with its place', (_what, text, message) => {
    let refusal: unknown
    try {
      parseYaml(text, 'f', z.object({ a: z.number() }))
    } catch (error) {
      refusal = error
    }
    expect(refusal).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) as string })
  })

  it('may use anchors, aliases and merge keys', () => {
    const text = 'a: &a { x: 1 }\nb: { <<: *a, y: 2 }\nc: [*a, *a]'
    expect(parseYaml(text, 'f', z.any())).toEqual({ a: { x: 1 }, b: { x: 1, y: 2 }, c: [{ x: 1 }, { x: 1 }] })
  })

  it.each([
    ['a: evryday', 'f:1:4: a: expected everyday or never, not "evryday"; did you mean "everyday"?'],
    ['a: xyz', 'f:1:4: a: expected everyday or never, not "xyz"'],
    ['a: [never]', 'f:1:4: a: expected everyday or never, not ["never"]'],
    ['a: "\\u202enever"', 'f:1:4: a: expected everyday or never, not "\\u{202e}never"'],
    ['b: { type: postgre }', 'f:1:12: b.type: expected postgres or ssh, not "postgre"; did you mean "postgres"?'],
    ['b: { type: 5 }', 'f:1:12: b.type: expected postgres or ssh, not 5'],
    ['b: { port: 5 }', 'f:1:4: b.type: expected postgres or ssh'],
    ['b: { type: ssh, prot: 5 }', 'f:1:17: b: unknown key "prot"; did you mean "port"?'],
    ['c: 1', 'f:1:1: the file: unknown key "c"'],
  ])('says of a word that is none of a list what it could be: %s', (text, message) => {
    const schema = z.strictObject({
      a: z.enum(['everyday', 'never']).optional(),
      b: z
        .discriminatedUnion('type', [
          z.strictObject({ type: z.literal('postgres') }),
          z.strictObject({ type: z.literal('ssh'), port: z.int().optional() }),
        ])
        .optional(),
    })
    expect(() => parseYaml(text, 'f', schema)).toThrow(message)
  })

  it('names each unknown key, at the key', () => {
    const schema = z.object({ a: z.array(z.strictObject({ b: z.number().optional() })) })
    const text = 'a:\n  - b: 1\n    bb:\n      c: 1\n    "d\\ne": 2\n'
    const problems = 'f:3:5: a.0: unknown key "bb"; did you mean "b"?\nf:5:5: a.0: unknown key "d\\ne": expected b'
    expect(() => parseYaml(text, 'f', schema)).toThrow(expect.objectContaining({ message: problems }))
  })

  it.each([
    ['an alias', 'x: &x { c: 1 }\na: *x', 'f:2:4: a: unknown key "c"'],
    ['a merge', 'x: &x { c: 1 }\na: { <<: *x }', 'f:2:4: a: unknown key "c"'],
  ])('names an unknown key that %s brings where it is brought in', (_what, text, message) => {
    const schema = z.object({ a: z.strictObject({}) })
    expect(() => parseYaml(text, 'f', schema)).toThrow(message)
  })

  it('names the key that replaced an old one', () => {
    const schema = z.strictObject({ b: z.number().optional() }).register(renamedKeys, { old: 'b' })
    expect(() => parseYaml('old: 1', 'f', schema)).toThrow('f:1:1: the file: unknown key "old": it was renamed to b')
    expect(() => parseYaml('toString: 1', 'f', schema)).toThrow(/: unknown key "toString": expected b$/)
  })

  it('names the section of a misplaced key, also by its old name, or the keys that are allowed', () => {
    const hosts = z.array(
      z.discriminatedUnion('type', [z.strictObject({ type: z.literal('a'), port: z.int().optional() })]),
    )
    const kinds = z.array(
      z
        .discriminatedUnion('type', [
          z.strictObject({ type: z.literal('x') }).register(foreignWords, { ports: 'give one `port` each' }),
          z.strictObject({ type: z.literal('y'), only: z.int().optional() }),
        ])
        .register(foreignWords, { z: 'use y' }),
    )
    const schema = z
      .strictObject({
        limits: z.strictObject({ size: z.int().optional() }).prefault({}),
        identity: z.strictObject({ every: z.int().optional() }).register(renamedKeys, { old: 'every' }).prefault({}),
        hosts: hosts.default([]),
        kinds: kinds.default([]),
        a: z.strictObject({ name: z.string() }).optional(),
        b: z.strictObject({ name: z.string() }).optional(),
        c: z.strictObject({ name: z.string() }).optional(),
        d: z
          .array(z.strictObject({ name: z.string() }))
          .transform((list) => list.length)
          .optional(),
      })
      .superRefine(() => {})
    const said = (text: string): string => {
      try {
        parseYaml(text, 'f', schema)
      } catch (error) {
        return (error as Error).message.replace(/^f:1:\d+: /, '')
      }
      return ''
    }
    expect(said('size: 1')).toBe('the file: unknown key "size": did you mean limits.size?')
    expect(said('limits: { port: 1 }')).toBe('limits: unknown key "port": did you mean hosts[].port?')
    for (const text of ['old: 1', 'limits: { old: 1 }'])
      expect(said(text)).toMatch(/unknown key "old": did you mean identity\.every\?$/)
    // Its own section comes first, and what many sections have helps nobody.
    expect(said('limits: { sise: 1 }')).toBe('limits: unknown key "sise"; did you mean "size"?')
    for (const key of ['name', 'toString', '__proto__'])
      expect(said(`limits: { ${key}: x }`)).toBe(`limits: unknown key "${key}": expected size`)
    // Of the other kind of host, which this one is not.
    expect(said('kinds: [{ type: x, port: 1 }]')).toBe('kinds.0: unknown key "port": did you mean hosts[].port?')
    expect(said('kinds: [{ type: x, only: 1 }]')).toBe('kinds.0: unknown key "only": expected type')
    // Words of other programs.
    expect(said('kinds: [{ type: x, ports: 1 }]')).toBe('kinds.0: unknown key "ports": give one `port` each')
    expect(said('kinds: [{ type: z }]')).toBe('kinds.0.type: expected x or y, not "z": use y')
    expect(said('xxxx: 1')).toBe('the file: unknown key "xxxx": expected limits, identity, hosts, kinds, a, b, c or d')
  })

  it('is UTF-8', () => {
    const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-yaml-'))
    const file = join(directory, 'f.yaml')
    writeFileSync(file, Buffer.from('a: 1\nb: "caf\xe9"\n', 'latin1'))
    expect(() => readYamlFile(file, z.any())).toThrow(`${file}:2:8: is not UTF-8`)
    expect(() => readYamlFile(directory, z.any())).toThrow(`${directory} is a directory`)
    rmSync(directory, { recursive: true })
  })
})
