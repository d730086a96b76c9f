import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { gatewayAnswering } from './answers.ts'
import { sheetOf, startWorld, stepsOf, type Printed } from './sheets.ts'

let who = 'jane'
const gateway = gatewayAnswering(() => who)
const ownZone = process.env['TZ']

beforeAll(() => {
  process.env['TZ'] = 'UTC'
})

afterAll(() => {
  if (ownZone === undefined) delete process.env['TZ']
  else process.env['TZ'] = ownZone
})

/** PAMCTL_TEST_WRITE=1 writes what is printed now: read it before it is committed. */
const WRITES = process.env['PAMCTL_TEST_WRITE'] !== undefined

describe('each verb prints what its sheet says', () => {
  for (const name of readdirSync(import.meta.dirname).filter((file) => file.endsWith('.txt')))
    it(name, async () => {
      const file = join(import.meta.dirname, name)
      const text = readFileSync(file, 'utf8')
      const world = await startWorld(mkdtempSync(join(tmpdir(), 'pamctl-verbs-')), gateway)
      const [steps, wrong]: [ReturnType<typeof stepsOf>, string[]] = [[], []]
      for (const step of stepsOf(text)) {
        who = step.who
        const printed = await world.run(step)
        steps.push({ ...step, printed: printed.text })
        if (/ --json\b/.test(step.command))
          wrong.push(...jsonProblems(printed).map((what) => `${step.command}: ${what}`))
      }
      await world.stop()
      if (WRITES) writeFileSync(file, sheetOf(steps))
      else expect(sheetOf(steps)).toBe(text)
      expect(wrong).toEqual([])
    })
})

/** What of it is not as docs/scripts.md says. */
function jsonProblems({ code, stdout, stderr }: Printed): string[] {
  const error = stderr.split('\n').at(-2)
  const problems = code !== 0 && stdout === '' ? namesIn(parsed(error ?? ''), ['code', 'message']) : []
  if (stdout === '') return code === 0 ? ['prints nothing'] : problems
  const values = parsed(stdout) === undefined ? stdout.trimEnd().split('\n').map(parsed) : [parsed(stdout)]
  return [...problems, ...values.flatMap((value) => namesIn(value))]
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** Moments are `…At`, or a word that says it by itself; all other names are in camel case. */
function namesIn(value: unknown, needed: readonly string[] = []): string[] {
  if (value === undefined) return ['is not JSON']
  if (value === null || typeof value !== 'object') return []
  if (Array.isArray(value)) return value.flatMap((item: unknown) => namesIn(item))
  return [
    ...needed.filter((name) => !(name in value)).map((name) => `has no ${name}`),
    ...Object.entries(value).flatMap(([name, item]: [string, unknown]) => [
      ...(/^[a-z][A-Za-z0-9]*$/.test(name) || /^[A-Z_]+$/.test(name) ? [] : [`${name} is not in camel case`]),
      ...(typeof item === 'string' &&
      /^\d{4}-\d\d-\d\dT/.test(item) &&
      !/^(?:at|since|until|provenUntil|.*At)$/.test(name)
        ? [`${name} is not named as a moment`]
        : []),
      ...namesIn(item),
    ]),
  ]
}
