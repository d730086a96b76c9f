import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { z } from 'zod'
import { createProgram } from '../../../src/cli/program.ts'
import { visibleVerbs } from '../../helpers/examples.ts'
import { ROOT } from '../../helpers/run.ts'

/** Verbs without --json, and why. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  completion: 'prints a script that a shell loads',
  tunnel: 'standard output is the connection',
}

it('every verb has --json, or a reason why not', () => {
  const program = createProgram(
    () => () => Promise.resolve(),
    () => {},
  )
  const without = [...visibleVerbs(program)]
    .filter(([, verb]) => !verb.options.some(({ long }) => long === '--json'))
    .map(([name]) => name)
  expect(without.toSorted()).toEqual(Object.keys(EXCEPTIONS).toSorted())
})

/** Of moments: `…At`, or a word that says it by itself. `at` and `by` are when and by whom what their object is named after was done. */
const MOMENT = /^(?:at|since|from|until|authTime|provenUntil|[a-z][A-Za-z]*At)$/

it('names fields as the API does', async () => {
  const directory = join(ROOT, 'src', 'api', 'schemas')
  const wrong: string[] = []
  let seen = 0
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [key, value] of Object.entries(node)) {
      if (key === 'properties') {
        for (const [name, property] of Object.entries(value as Record<string, { format?: string }>)) {
          seen++
          if (!/^[a-z][A-Za-z0-9]*$/.test(name)) wrong.push(`${path}.${name}: not in camel case`)
          if (property.format === 'date-time' && !MOMENT.test(name))
            wrong.push(`${path}.${name}: not named as a moment`)
        }
      }
      visit(value, `${path}.${key}`)
    }
  }
  for (const file of readdirSync(directory)) {
    const module = (await import(join(directory, file))) as Record<string, unknown>
    for (const [name, schema] of Object.entries(module))
      if (schema instanceof z.ZodType)
        visit(z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }), `${file}: ${name}`)
  }
  expect([seen > 200, wrong]).toEqual([true, []])
})
