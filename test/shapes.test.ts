import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAst } from 'vite'
import { describe, expect, it } from 'vitest'

const SRC = join(import.meta.dirname, '..', 'src')
/** What bytes of people pass through. */
const PATH = ['agent', 'gateway', 'masking', 'policy', 'protocols', 'recording', 'shared', 'sql', 'tunnel', 'wire']

interface Node {
  readonly type: string
  readonly kind?: string
  readonly start: number
  readonly [field: string]: unknown
}

/** Where an object literal has an accessor. */
function accessorsIn(source: string): number[] {
  const found: number[] = []
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(walk)
    if (typeof value !== 'object' || value === null) return
    const node = value as Node
    if (node.type === 'ObjectExpression')
      for (const property of node['properties'] as Node[])
        if (property.kind === 'get' || property.kind === 'set')
          found.push(source.slice(0, property.start).split('\n').length)
    Object.values(node).forEach(walk)
  }
  walk(parseAst(source, { lang: 'ts' }))
  return found
}

/**
 * V8 makes a dictionary of an object literal with an accessor, from the first one on: each object has a shape of its own, and no code that
 * touches it gets warm. A class has the accessor on its prototype and one shape for all.
 */
describe('object literals on the path of a statement', () => {
  it('have no accessors', () => {
    const files = PATH.flatMap((folder) =>
      readdirSync(join(SRC, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => join(folder, name)),
    )
    expect(files.length).toBeGreaterThan(200)
    const found = files.flatMap((file) =>
      accessorsIn(readFileSync(join(SRC, file), 'utf8')).map((line) => `src/${file}:${line}`),
    )
    expect(found).toEqual([])
  })

  it('are told apart from classes, and found where they are nested', () => {
    const of = (source: string): number[] => accessorsIn(source)
    expect(of('class A {\n get a() { return 1 }\n set a(b) {} }')).toEqual([])
    expect(of('const a = { b: () => 1, get: 1, set(c: number) {} }')).toEqual([])
    expect(of('f(\n{ get a() { return 1 } })')).toEqual([2])
    expect(of('class A { b = () => ({ c: [{\n set d(e: number) {} }] }) }')).toEqual([2])
    expect(of("const a = {\n get ['b']() { return 1 },\n get 'c'() { return 1 } }")).toEqual([2, 3])
  })
})
